import { setTimeout as sleep } from 'node:timers/promises'
import { TaskError, UnreachableError } from '../../errors.ts'
import type { Host } from '../../inventory/types.ts'
import type { Session, Target } from '../../ssh/types.ts'
import type { RunSettings } from '../settings.ts'
import { connect } from './connect.ts'
import type { HostRun } from './host-run.ts'
import type { LockKind } from './lock.ts'

/** Signals, and how long fmc waits until the host has sent each. */
const END = [
  ['TERM', 1500],
  ['KILL', 3000],
] as const
/** How long a program may take to obey a signal. */
const SETTLE_MS = 700
/** How long fmc waits before it tries an unreachable host again, and how long that may take if nothing answered before. */
const RETRY_MS = 10_000
const AGAIN_TIMEOUT_MS = 5000

/** The connected hosts of a run. Each host is connected once, when it is first needed. */
export class Connections {
  readonly #settings: RunSettings
  readonly #lockOf: (host: Host) => LockKind
  readonly #opening = new Map<string, Promise<HostRun>>()
  readonly #open = new Map<string, HostRun>()
  readonly #giveUp = new Map<string, AbortController>()
  readonly #silent = new Set<string>()
  readonly #waits = new Map<string, { readonly promise: Promise<void>; readonly end: () => void }>()
  readonly #saves: (() => void)[] = []

  constructor(settings: RunSettings, lockOf: (host: Host) => LockKind) {
    this.#settings = settings
    this.#lockOf = lockOf
  }

  /** All hosts that are connected now. */
  get all(): readonly HostRun[] {
    return [...this.#open.values()]
  }

  /** The connected host. Throws TaskError when it is not connected. */
  get(host: Host): HostRun {
    const run = this.#open.get(host.name)
    if (!run) throw new TaskError(`${host.name} is not connected`)
    return run
  }

  /** Adds a host to which there is no connection. */
  set(run: HostRun): void {
    this.#open.set(run.host.name, run)
  }

  /** Connects, or returns the existing connection. Throws UnreachableError, LockedError, TaskError. */
  connect(host: Host): Promise<HostRun> {
    let opening = this.#opening.get(host.name)
    if (!opening) {
      opening = this.#connect(host)
      this.#opening.set(host.name, opening)
      // An invariant may ask again for a host that could not be reached, but not at once.
      const retry = (): void => {
        if (this.#opening.get(host.name) === opening) this.#opening.delete(host.name)
      }
      opening.catch((error: unknown) => {
        if (error instanceof UnreachableError && error.silent) this.#silent.add(host.name)
        setTimeout(retry, RETRY_MS).unref()
      })
    }
    return opening
  }

  async #connect(host: Host): Promise<HostRun> {
    const { stages, targetOf } = this.#settings
    const roles = stages
      .flat()
      .filter(p => p.hosts.includes(host))
      .flatMap(p => p.roles.map(r => r.name))
    const giveUp = new AbortController()
    this.#giveUp.set(host.name, giveUp)
    const again = this.#silent.has(host.name) ? { connectTimeoutMs: AGAIN_TIMEOUT_MS } : {}
    const { run, save } = await connect(host, [...new Set(roles)], this.#lockOf(host), {
      ...this.#settings,
      targetOf: (h: Host): Target => ({
        ...targetOf(h),
        ...again,
        giveUp: giveUp.signal,
        onSilent: () => this.#waitOf(host).end(),
      }),
    })
    this.#open.set(host.name, run)
    this.#saves.push(save)
    return run
  }

  /** Resolves once the attempt to connect to this host waits, because nothing has answered for a moment. */
  silent(host: Host): Promise<void> {
    return this.#waitOf(host).promise
  }

  #waitOf({ name }: Host): { readonly promise: Promise<void>; readonly end: () => void } {
    const known = this.#waits.get(name)
    if (known) return known
    let end = (): void => undefined
    const promise = new Promise<void>(resolve => (end = resolve))
    const wait = { promise, end: () => end() }
    this.#waits.set(name, wait)
    return wait
  }

  /** Ends the attempt to connect to this host. */
  giveUp(host: Host): void {
    this.#giveUp.get(host.name)?.abort()
  }

  /** Closes the connection; the next `connect` opens another. */
  disconnect(host: Host): void {
    this.#open.get(host.name)?.close()
    this.#open.delete(host.name)
    this.#opening.delete(host.name)
    this.#waits.delete(host.name)
  }

  /** Gives back the locks of all hosts. */
  async release(): Promise<void> {
    await Promise.all(this.all.flatMap(run => run.connection?.release() ?? []))
  }

  /** Remembers on the controller what was asked, and closes all connections. */
  close(): void {
    for (const save of this.#saves) save()
    for (const run of this.#open.values()) run.close()
  }

  /** Ends all commands that are running on the hosts. */
  async endAll(): Promise<void> {
    const sessions = this.all.flatMap(({ connection }) => connection?.session ?? [])
    await Promise.all(sessions.map(end))
  }
}

/** Sends TERM, then KILL to what still runs. Closes the session of a host that runs nothing or does not answer. */
async function end(session: Session): Promise<void> {
  for (const [signal, ms] of END) {
    const sent = session.interrupt(signal).catch(() => undefined)
    await Promise.race([sent, sleep(ms)])
    await sleep(SETTLE_MS)
  }
  session.close()
}

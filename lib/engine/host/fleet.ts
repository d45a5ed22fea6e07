import { setTimeout as sleep } from 'node:timers/promises'
import pLimit from 'p-limit'
import { FmcError, TaskError, UnreachableError } from '../../errors.ts'
import type { Host } from '../../inventory/types.ts'
import type { Session, Target } from '../../ssh/types.ts'
import { Arrivals } from './arrivals.ts'
import { connect } from './connect.ts'
import { isAbort, isUnreachable } from '../role/failed.ts'
import type { HostRun } from './host-run.ts'
import { LockedError } from './lock.ts'
import { GoneHostRun, NewHostRun } from './new-host.ts'
import type { Emit, RunOptions } from '../settings.ts'
import { failureOf } from '../task-events.ts'

/** Signals, and how long each may take on its way. */
const END = [
  ['TERM', 1500],
  ['KILL', 3000],
] as const
/** How long a host that could not be reached is not tried again. */
const RETRY_MS = 10_000
/** How much longer a host may take to answer once its hypervisor has said that it is not there. */
const GRACE_MS = 1000
/** How long a host that was just made may take to answer, and between two attempts. */
const MEET_MS = 60_000
const MEET_EVERY_MS = 1000
/** Time to obey one. */
const SETTLE_MS = 700

/** The hosts of a run: their connections, and which of them take no further part. */
export class Fleet {
  /** In inventory order. */
  readonly hosts: readonly Host[]
  /** Hosts that somebody else works on: because of them nothing may be changed anywhere. */
  readonly locked: string[] = []
  /** Which hosts will be made by others. */
  readonly arrivals: Arrivals
  readonly #o: RunOptions
  readonly #emit: Emit
  readonly #opening = new Map<string, Promise<HostRun>>()
  readonly #open = new Map<string, HostRun>()
  /** Planned as they will be when they have been made. */
  readonly #new = new Map<string, NewHostRun>()
  readonly #met = new Set<string>()
  readonly #giveUp = new Map<string, AbortController>()
  readonly #dead = new Set<string>()
  readonly #saves: (() => void)[] = []
  /** Rejects when the second Ctrl-C has done what it can: nobody is waited for any more. */
  readonly #killed: Promise<never>
  readonly #limit: <T>(fn: () => Promise<T>) => Promise<T>

  constructor(o: RunOptions, emit: Emit) {
    this.#o = o
    this.#emit = emit
    this.#limit = pLimit(o.forks)
    this.arrivals = new Arrivals(o.stages, o.inventory)
    const names = new Set(o.stages.flat().flatMap(p => p.hosts.map(h => h.name)))
    this.hosts = [...o.inventory.hosts.values()].filter(h => names.has(h.name))
    this.#killed = new Promise((_, reject) => {
      const over = (): void => reject(new DOMException('ended by a second Ctrl-C', 'AbortError'))
      o.kill.addEventListener('abort', () => void this.#killAll().then(over), { once: true })
    })
    this.#killed.catch(() => undefined)
  }

  /** Connected hosts that this run has written to. */
  get touched(): readonly HostRun[] {
    return [...this.#open.values()].filter(r => r.touched)
  }

  /** What hosts do to each other shows in facts of hosts that nobody wrote to: those of a cluster's members, say. */
  forget(): void {
    for (const run of this.#open.values()) run.forget()
  }

  isDropped(host: Host): boolean {
    return this.#dead.has(host.name)
  }

  drop(host: Host): void {
    this.#dead.add(host.name)
  }

  /** The connected host. Throws TaskError when it is not. */
  get(host: Host): HostRun {
    const run = this.#open.get(host.name)
    if (!run) throw new TaskError(`${host.name} is not connected`)
    return run
  }

  /** Some work for each host that is still alive, `forks` at a time. A failure outside of any task is told and buries the host. */
  async each(hosts: readonly Host[], work: (host: Host) => Promise<void>): Promise<void> {
    await Promise.all(
      hosts.map(host =>
        this.#limit(async () => {
          if (this.isDropped(host) || this.#o.stop.aborted) return
          try {
            await Promise.race([work(host), this.#killed])
          } catch (error) {
            this.#failed(host, error)
          }
        }),
      ),
    )
  }

  connect(host: Host): Promise<HostRun> {
    const lock = this.#o.readOnly
      ? 'none'
      : this.#o.dryRun || !this.hosts.includes(host)
        ? 'shared'
        : 'exclusive'
    let opening = this.#opening.get(host.name)
    if (!opening) {
      const roles = this.#o.stages
        .flat()
        .filter(p => p.hosts.includes(host))
        .flatMap(p => p.roles.map(r => r.name))
      const giveUp = new AbortController()
      this.#giveUp.set(host.name, giveUp)
      const targetOf = (h: Host): Target => ({ ...this.#o.targetOf(h), giveUp: giveUp.signal })
      const options = this.arrivals.creatorOf(host) ? { ...this.#o, targetOf } : this.#o
      opening = connect(host, [...new Set(roles)], lock, options).then(({ run, save }) => {
        this.#open.set(host.name, run)
        this.#saves.push(save)
        return run
      })
      this.#opening.set(host.name, opening)
      // Who could not be reached may answer later, and an invariant asks again, but not at once.
      const retry = (): void => {
        if (this.#opening.get(host.name) === opening) this.#opening.delete(host.name)
      }
      opening.catch(() => setTimeout(retry, RETRY_MS).unref())
    }
    return opening
  }

  /** Has the host been planned before it exists, and not been met since? */
  isNew(host: Host): boolean {
    return this.#new.has(host.name)
  }

  /** Was it planned before it existed, so that an empty plan says little? */
  wasNew(host: Host): boolean {
    return this.#met.has(host.name)
  }

  /**
   * For the first plan: the connected host, or, when nobody answers and its hypervisor will make it, what it will be.
   * `asker`: whose role wants it; a hypervisor's own does not wait for what it will say itself.
   */
  async foresee(host: Host, asker?: Host): Promise<HostRun> {
    const known = this.#new.get(host.name)
    if (known) return known
    const { arrivals } = this
    const creator = arrivals.creatorOf(host)
    if (!creator || (asker && arrivals.isCreator(asker) && !arrivals.hasSaid(host.name)))
      return this.connect(host)
    const connecting = this.connect(host)
    const will = arrivals.willExist(host.name)
    const settled = new AbortController()
    const patience = will
      .then(yes => (yes ? sleep(GRACE_MS, null, { signal: settled.signal }) : connecting))
      .catch(() => connecting)
    try {
      const run = await Promise.race([connecting, patience])
      if (run) return run
    } catch (error) {
      const silent = error instanceof UnreachableError && error.silent
      if (!silent || !(await will)) throw error
    } finally {
      settled.abort()
    }
    return this.#foreseen(host, this.get(creator))
  }

  #foreseen(host: Host, creator: HostRun): HostRun {
    const known = this.#new.get(host.name)
    if (known) return known
    const run = new NewHostRun(host, creator)
    this.#new.set(host.name, run)
    this.#giveUp.get(host.name)?.abort()
    if (this.hosts.includes(host))
      this.#emit({ type: 'host', host: host.name, state: 'new', by: creator.host.name })
    return run
  }

  /** For plays that endure it: a host that does not answer, without a session. */
  gone(host: Host): HostRun {
    const run = new GoneHostRun(host)
    this.#open.set(host.name, run)
    return run
  }

  /** Connects to a host that was planned before it existed. Throws UnreachableError. */
  async connectNew(host: Host): Promise<void> {
    const creator = this.arrivals.creatorOf(host)
    const failed = creator && this.isDropped(creator)
    this.#new.delete(host.name)
    this.#met.add(host.name)
    const end = performance.now() + MEET_MS
    for (;;) {
      this.#leave(host)
      try {
        await this.connect(host)
        return
      } catch (error) {
        const silent = error instanceof UnreachableError && error.silent
        if (silent && failed)
          throw new UnreachableError(`${creator.name} was to create ${host.name}, and failed`)
        if (!silent || performance.now() > end || this.#o.stop.aborted) throw error
      }
      await sleep(MEET_EVERY_MS)
    }
  }

  /** For the plan: a host that is there, and that its hypervisor will make anew. */
  anew(host: Host, creator: Host): HostRun {
    this.#leave(host)
    this.#dead.delete(host.name)
    return this.#foreseen(host, this.get(creator))
  }

  #leave(host: Host): void {
    this.#open.get(host.name)?.session.close()
    this.#open.delete(host.name)
    this.#opening.delete(host.name)
  }

  /** Another host that a role or an invariant looks at; connected when first needed, and again when its session was lost. */
  async reach(name: string): Promise<HostRun> {
    const host = this.#o.inventory.hosts.get(name)
    if (!host) throw new TaskError(`the inventory has no host ${name}`)
    const run = await this.connect(host)
    await run.revive()
    return run
  }

  close(): void {
    for (const save of this.#saves) save()
    for (const run of this.#open.values()) run.session.close()
  }

  #failed(host: Host, error: unknown): void {
    this.drop(host)
    if (error instanceof LockedError) this.locked.push(host.name)
    if (this.#o.stop.aborted && isAbort(error)) return
    const cause = error instanceof Error ? error : new Error(String(error))
    const known = cause instanceof FmcError
    this.#emit({
      type: 'host',
      host: host.name,
      state: isUnreachable(cause) ? 'unreachable' : 'failed',
      failure: {
        ...failureOf(cause),
        ...(known || cause.stack === undefined ? {} : { output: cause.stack }),
      },
    })
  }

  /** The second Ctrl-C: end what is running on the hosts. */
  async #killAll(): Promise<void> {
    await Promise.all([...this.#open.values()].map(run => end(run.session)))
  }
}

/** TERM, then KILL for what does not obey; nothing happens to a session that is idle. A host that does not answer is given up. */
async function end(session: Session): Promise<void> {
  for (const [signal, ms] of END) {
    const sent = session.interrupt(signal).catch(() => undefined)
    await Promise.race([sent, sleep(ms)])
    await sleep(SETTLE_MS)
  }
  session.close()
}

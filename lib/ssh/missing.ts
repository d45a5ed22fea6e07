import { setTimeout as sleep } from 'node:timers/promises'
import { UnreachableError } from '../errors.ts'
import type { OpenSession, Session, Target } from './types.ts'

/** What decides whether a session to one target also serves another one. */
export const wayTo = (t: Target): string =>
  JSON.stringify([
    ...[t.address, t.alias, t.port, t.user, t.sudo, t.transport],
    ...[t.identityFiles, t.knownHostsFiles, t.moreKnownHostsFiles, t.useSshConfig],
  ])

interface Missing {
  readonly way: string
  /** Of the last attempt that has ended. */
  error: Error
  /** The attempt that goes on while runs do without the host; undefined: the next run begins one. */
  attempt: Promise<Session | undefined> | undefined
}

/**
 * Hosts that did not answer. Every run that wants one waits for it for `patienceMs` only; the attempt to connect goes on beside the
 * runs, and the run after its success has the host again.
 */
export class MissingHosts {
  readonly #open: OpenSession
  readonly #patienceMs: number
  readonly #missing = new Map<string, Missing>()
  readonly #closed = new AbortController()

  constructor(open: OpenSession, patienceMs: number) {
    this.#open = open
    this.#patienceMs = patienceMs
  }

  /** An attempt to connect to the host has failed, and has taken its time. */
  add(target: Target, error: Error): void {
    this.#missing.set(target.name, { way: wayTo(target), error, attempt: undefined })
  }

  /** The session to a host that was missing; undefined: it was not. Throws the error of the last attempt while it still is. */
  async find(target: Target): Promise<Session | undefined> {
    const missing = this.#missing.get(target.name)
    if (missing?.way !== wayTo(target)) return undefined
    missing.attempt ??= this.#attempt(target, missing)
    const patience = new AbortController()
    const session = await Promise.race([
      missing.attempt,
      sleep(this.#patienceMs, undefined, { signal: patience.signal }).catch(() => undefined),
    ])
    patience.abort()
    if (!session) throw missing.error
    // Of two who have waited for it, one gets it.
    return this.#missing.get(target.name) === missing && this.#missing.delete(target.name)
      ? session
      : undefined
  }

  /** The host has been connected to in another way, or nobody wants it any more. */
  forget(name: string): void {
    const attempt = this.#missing.get(name)?.attempt
    this.#missing.delete(name)
    void attempt?.then(session => session?.close())
  }

  /** Forgets the hosts that are not among these. */
  keepOnly(names: ReadonlySet<string>): void {
    for (const name of this.#missing.keys()) if (!names.has(name)) this.forget(name)
  }

  close(): void {
    this.#closed.abort()
    this.keepOnly(new Set())
  }

  async #attempt(target: Target, missing: Missing): Promise<Session | undefined> {
    try {
      const { session } = await this.#open({ ...target, giveUp: this.#closed.signal })
      return session
    } catch (error) {
      missing.error = error instanceof Error ? error : new UnreachableError(String(error))
      missing.attempt = undefined
      return undefined
    }
  }
}

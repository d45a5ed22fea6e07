import { UnreachableError } from '../errors.ts'
import { LIMITS } from './link.ts'
import { MissingHosts, wayTo } from './missing.ts'
import type { OpenSession, Output, ScriptOptions, Session, Target } from './types.ts'
import { seconds } from './wording.ts'

/** Gives back what a run took in the session's shell: the host's lock, on descriptor 9. */
export const RELEASE = 'exec 9>&-'

/** The time to connect, and how long a run waits for a host that has not answered in the run before. */
interface Patience {
  readonly connectMs: number
  readonly againMs: number
}

interface Kept {
  readonly session: Session
  readonly way: string
  /** A run uses it now. */
  taken: boolean
}

const since = (begin: number): number => performance.now() - begin

const wholeSeconds = (ms: number): number => (ms < 1000 ? ms : Math.ceil(ms / 1000) * 1000)

/** What is opened, or an UnreachableError once the time is over; what is opened later is closed. */
function unlessOver(
  opening: ReturnType<OpenSession>,
  over: AbortSignal | undefined,
): ReturnType<OpenSession> {
  if (!over) return opening
  return new Promise((resolve, reject) => {
    const late = (): void => {
      reject(new UnreachableError('the time is over'))
      opening.then(
        ({ session }) => session.close(),
        () => undefined,
      )
    }
    if (over.aborted) {
      late()
      return
    }
    over.addEventListener('abort', late, { once: true })
    opening.then(resolve, reject).finally(() => over.removeEventListener('abort', late))
  })
}

/**
 * Sessions that stay open from one run to the next. `open` is an OpenSession: a host's first call connects; a later one runs its
 * first script in the session that is open already. What a run calls close() gives the session back, without the host's lock. A
 * session that was lost is opened again, in the same call if nothing has been answered yet; all that takes no longer than one attempt to
 * connect. After an attempt has failed for that time, later runs wait for the host for a second only, while the next attempt goes on.
 *
 * @example
 * const kept = new KeptSessions(openSession)
 * await kept.within(60_000, () => run({ ...settings, openSession: kept.open }))
 * kept.close()
 */
export class KeptSessions {
  readonly #open: OpenSession
  readonly #patience: Patience
  readonly #kept = new Map<string, Kept>()
  readonly #missing: MissingHosts
  #limit: { readonly ms: number; readonly over: AbortSignal } | undefined
  /** How many connections were made so far. */
  connections = 0

  constructor(
    open: OpenSession,
    patience: Patience = { connectMs: LIMITS.connectMs, againMs: 1000 },
  ) {
    this.#open = open
    this.#patience = patience
    this.#missing = new MissingHosts(open, patience.againMs)
  }

  readonly open: OpenSession = async (target, boot, options) => {
    const begin = performance.now()
    const found = await this.#missing.find(target)
    if (found) {
      this.connections++
      this.#kept.set(target.name, { session: found, way: wayTo(target), taken: false })
    }
    const kept = this.#free(target)
    if (kept) {
      const lease = this.#lend(target.name, kept)
      if (boot === undefined) return { session: lease, first: undefined }
      try {
        const output = await lease.run(boot, { ...options, marked: true })
        return { session: lease, first: Promise.resolve(output) }
      } catch (error) {
        if (!(error instanceof UnreachableError)) {
          const failed = error instanceof Error ? error : new Error(String(error))
          const first = Promise.reject<Output>(failed)
          first.catch(() => undefined)
          return { session: lease, first }
        }
        this.#drop(target.name, kept)
        if (this.#limit?.over.aborted) throw error
        const left = (target.connectTimeoutMs ?? this.#patience.connectMs) - since(begin)
        if (left < this.#patience.againMs) {
          this.#missing.add(target, error)
          throw error
        }
        return this.#connect({ ...target, connectTimeoutMs: wholeSeconds(left) }, boot, options)
      }
    }
    return this.#connect(target, boot, options)
  }

  async #connect(...[target, boot, options]: Parameters<OpenSession>): ReturnType<OpenSession> {
    const over = this.#limit?.over
    const signals = [target.giveUp, over].filter(s => s !== undefined)
    const giveUp = signals.length > 0 ? AbortSignal.any(signals) : undefined
    this.connections++
    const begin = performance.now()
    const opened = await unlessOver(this.#open({ ...target, giveUp }, boot, options), over).catch(
      (error: unknown) => {
        const why = this.#inTime(target.name, error)
        if (why instanceof UnreachableError && since(begin) > this.#patience.againMs)
          this.#missing.add(target, why)
        throw why
      },
    )
    this.#missing.forget(target.name)
    const before = this.#kept.get(target.name)
    // A second session to a host whose first one is in use is the caller's own.
    if (before?.taken && !before.session.lost) return opened
    const kept = { session: opened.session, way: wayTo(target), taken: true }
    this.#kept.set(target.name, kept)
    const first = opened.first?.catch((error: unknown) => {
      throw this.#inTime(target.name, error)
    })
    first?.catch(() => undefined)
    return { session: this.#lend(target.name, kept), first }
  }

  /** A session that no run uses now and that leads where the target is. */
  #free({ name, ...target }: Target): Kept | undefined {
    const kept = this.#kept.get(name)
    if (!kept || kept.taken) return undefined
    if (!kept.session.lost && kept.way === wayTo({ name, ...target })) return kept
    this.#drop(name, kept)
    return undefined
  }

  #drop(name: string, kept: Kept): void {
    kept.session.close()
    if (this.#kept.get(name) === kept) this.#kept.delete(name)
  }

  #lend(name: string, kept: Kept): Session {
    kept.taken = true
    const { session } = kept
    return {
      target: session.target,
      word: session.word,
      shellPid: session.shellPid,
      get trips() {
        return session.trips
      },
      get lost() {
        return session.lost
      },
      run: (script: string, o?: ScriptOptions) =>
        session.run(script, o).catch((error: unknown) => {
          throw this.#inTime(name, error)
        }),
      upload: (...args) => session.upload(...args),
      connected: () => session.connected(),
      interrupt: signal => session.interrupt(signal),
      close: () => {
        if (!kept.taken) return
        kept.taken = false
        if (session.lost) this.#drop(name, kept)
        else session.run(RELEASE).catch(() => this.#drop(name, kept))
      },
    }
  }

  /** Was the host cut off because the time was over? Then the error says that, and not that the session was closed. */
  #inTime(name: string, error: unknown): unknown {
    if (!(error instanceof UnreachableError) || !this.#limit?.over.aborted) return error
    return new UnreachableError(`${name}: no answer within ${seconds(this.#limit.ms)}`, {
      cause: error,
      silent: true,
    })
  }

  /** Does the work; a host that still has not answered after `ms` milliseconds is unreachable from then on. */
  async within<T>(ms: number, work: () => Promise<T>): Promise<T> {
    const over = new AbortController()
    this.#limit = { ms, over: over.signal }
    const timer = setTimeout(() => {
      over.abort()
      for (const [name, kept] of this.#kept) if (kept.taken) this.#drop(name, kept)
    }, ms)
    try {
      return await work()
    } finally {
      clearTimeout(timer)
      this.#limit = undefined
    }
  }

  /** Closes the sessions to hosts that are not among these. */
  keepOnly(names: ReadonlySet<string>): void {
    for (const [name, kept] of this.#kept) if (!names.has(name)) this.#drop(name, kept)
    this.#missing.keepOnly(names)
  }

  /** Closes all sessions. */
  close(): void {
    this.#missing.close()
    this.keepOnly(new Set())
  }
}

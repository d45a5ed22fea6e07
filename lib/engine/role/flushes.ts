import type { DueHandler, Handlers } from './handlers.ts'

/** What a flush needs of the role run that it belongs to. */
export interface FlushOptions {
  readonly handlers: Handlers
  /** The handlers that an interrupted run has left on the host. */
  readonly pending: () => Promise<readonly string[]>
  /** Does an earlier play of this plan run that pending handler already? */
  readonly isPlanned: (name: string) => boolean
  /** Runs a handler. `level`: how many tasks of the role may be running meanwhile. */
  readonly handle: (handler: DueHandler, level: number) => Promise<void>
}

/** Runs the handlers of a role on one host: one flush at a time. */
export class Flushes {
  readonly #o: FlushOptions
  #pending: Promise<readonly string[]> | undefined
  #last: Promise<void> = Promise.resolve()

  constructor(o: FlushOptions) {
    this.#o = o
  }

  /**
   * Runs the handlers that are due, until none is. `level`: how many tasks of the role may be running (1: the gate that
   * waits for this flush). `withPending`: also those that an interrupted run has left.
   */
  flush({ level = 0, withPending = true } = {}): Promise<void> {
    const flushed = this.#last.then(async () => {
      const pending = new Set(withPending ? await this.#pendingHere() : [])
      for (;;) {
        const handler = this.#o.handlers.next(pending)
        if (!handler) return
        await this.#o.handle(handler, level)
      }
    })
    this.#last = flushed.catch(() => undefined)
    return flushed
  }

  /** Asked once: only this role run, which holds the host's lock, adds or removes marks. */
  async #pendingHere(): Promise<readonly string[]> {
    this.#pending ??= this.#o.pending()
    return (await this.#pending).filter(name => !this.#o.isPlanned(name))
  }
}

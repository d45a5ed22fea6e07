import { setTimeout as sleep } from 'node:timers/promises'

/** Ctrl-C as one role run sees it: one AbortError, at its next task or pause. Tasks of its `finally` blocks run after that. */
export class Interruption {
  readonly #stop: AbortSignal
  #thrown = false

  constructor(stop: AbortSignal) {
    this.#stop = stop
  }

  /** Throws AbortError once after an interruption. */
  check(): void {
    if (!this.#stop.aborted || this.#thrown) return
    this.#thrown = true
    this.#stop.throwIfAborted()
  }

  /** Waits; an interruption ends the pause with AbortError. */
  async pause(ms: number): Promise<void> {
    if (this.#thrown) return sleep(ms)
    await sleep(ms, undefined, { signal: this.#stop }).catch((error: unknown) => {
      this.#thrown = true
      throw error
    })
  }
}

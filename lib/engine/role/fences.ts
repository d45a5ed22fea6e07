import type { Fence } from '../../resources/scope.ts'

/** The fences that stand around the current task, outermost first: `guarded` puts one around its body. */
export class Fences {
  readonly #fences: Fence[] = []

  /** Puts the fence around the body. */
  async around(fence: Fence, body: () => Promise<void>): Promise<void> {
    this.#fences.push(fence)
    try {
      await body()
    } finally {
      this.#fences.splice(this.#fences.indexOf(fence), 1)
    }
  }

  /** Runs a write with the shell text that has to come ahead of it, and keeps track of which fences are up. */
  async write(run: (ahead: readonly string[]) => Promise<void>): Promise<void> {
    const ahead = this.#fences.map(f => (f.state === 'up' ? f.next : f.first))
    for (const fence of this.#fences) if (fence.state === 'down') fence.state = 'tried'
    await run(ahead)
    for (const fence of this.#fences) fence.state = 'up'
  }
}

import { TaskError } from '../../errors.ts'
import { siteOf } from './call-site.ts'

/** A mistake in a role's code: something was started and not awaited. A plan that finds one ends the run. */
export class NotAwaited extends TaskError {
  override name = 'NotAwaited'
}

/** Something under way, and an Error made where the role started it; undefined: a running task asks, and has such an Error. */
interface Started {
  readonly name: string
  readonly at: Error | undefined
}

const shown = ({ name, at }: Started): string => {
  const site = at && siteOf(at)
  return site === undefined ? name : `${name} (${site})`
}

const PUT_AWAIT = 'put await before it'

/** What runs of one role on one host: its tasks and questions, and whether more may start. */
export class RunningTasks {
  readonly #role: string
  readonly #numbers = new Map<string, number>()
  readonly #running = new Set<Started>()
  readonly #questions = new Map<Started, Promise<unknown>>()
  #worked = false
  #open = true

  constructor(role: string) {
    this.#role = role
  }

  /** Has any task started that is not a gate? */
  get worked(): boolean {
    return this.#worked
  }

  get idle(): boolean {
    return this.#running.size === 0
  }

  /** The role has returned: nothing may start any more. */
  close(): void {
    this.#open = false
  }

  /** Throws NotAwaited when the role has returned. */
  checkOpen(name: string): void {
    if (this.#open) return
    const it = shown({ name, at: new Error() })
    throw new NotAwaited(`${it} was started after the role ${this.#role} had ended`, {
      hint: 'an await is missing before it, or before the function that calls it',
    })
  }

  /** Throws NotAwaited when more than `most` tasks run while `starting` is about to: one of them was not awaited. */
  checkAlone(most: number, starting: string): void {
    const first = [...this.#running][most]
    if (!first) return
    const next = shown({ name: starting, at: new Error() })
    throw new NotAwaited(
      `not awaited: ${shown(first)}: ${next} started while it was still running`,
      {
        hint: `${PUT_AWAIT}: tasks of one host run one after another, also in Promise.all`,
      },
    )
  }

  /** Throws NotAwaited when more than `most` tasks, or any question, are still under way at the end of `what`. */
  checkFinished(most: number, what = `the role ${this.#role}`): void {
    const tasks = [...this.#running].slice(most)
    const left = tasks.length === 0 && most === 0 ? [...this.#questions.keys()] : tasks
    if (left.length > 0)
      throw new NotAwaited(
        `not awaited: ${left.map(shown).join(', ')}: ${what} ended while it was still running`,
        { hint: PUT_AWAIT },
      )
  }

  /** The task's identity: its name, and from the second task of that name on its number. */
  start(name: string, isGate: boolean): Started {
    const number = (this.#numbers.get(name) ?? 0) + 1
    this.#numbers.set(name, number)
    if (!isGate) this.#worked = true
    const started = { name: number === 1 ? name : `${name} #${number}`, at: new Error() }
    this.#running.add(started)
    return started
  }

  end(task: Started): void {
    this.#running.delete(task)
  }

  /** Resolves when the host has answered all questions. */
  async answered(): Promise<void> {
    await Promise.allSettled(this.#questions.values())
  }

  /** Keeps track of a question to the host until it is answered. */
  async asking<T>(name: string, answer: Promise<T>): Promise<T> {
    // An Error costs more than the rest of a remembered answer.
    const started = { name, at: this.idle ? new Error() : undefined }
    this.#questions.set(started, answer)
    try {
      return await answer
    } finally {
      this.#questions.delete(started)
    }
  }
}

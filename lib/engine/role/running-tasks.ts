import { TaskError } from '../../errors.ts'

/** The tasks of one role run: their names, which are running, and whether more may start. */
export class RunningTasks {
  readonly #role: string
  readonly #numbers = new Map<string, number>()
  readonly #running = new Set<string>()
  #open = true

  constructor(role: string) {
    this.#role = role
  }

  /** Has any task started? */
  get any(): boolean {
    return this.#numbers.size > 0
  }

  /** The role has returned: no task may start any more. */
  close(): void {
    this.#open = false
  }

  /** Throws TaskError when the role has returned. */
  checkOpen(name: string): void {
    if (!this.#open)
      throw new TaskError(`${name} was started after the role ${this.#role} had ended`, {
        hint: 'an await is missing',
      })
  }

  /** Throws TaskError when more than `most` tasks run: tasks of one host run one after another, so one was not awaited. */
  checkAwaited(most: number): void {
    if (this.#running.size > most)
      throw new TaskError(`not awaited: ${[...this.#running].slice(most).join(', ')}`, {
        hint: 'every resource, gate and $ needs an await, and tasks of one host cannot run at once',
      })
  }

  /** The task's identity: its name, and from the second task of that name on its number. */
  start(name: string): string {
    const number = (this.#numbers.get(name) ?? 0) + 1
    this.#numbers.set(name, number)
    const id = number === 1 ? name : `${name} #${number}`
    this.#running.add(id)
    return id
  }

  end(id: string): void {
    this.#running.delete(id)
  }
}

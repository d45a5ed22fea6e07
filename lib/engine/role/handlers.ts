import { TaskError } from '../../errors.ts'
import type { Role } from '../define/role.ts'
import { unmarkScript } from './marks.ts'

/** A handler that runs next. */
export interface DueHandler {
  readonly name: string
  /** true: a task of this role run has notified it. false: an earlier run was interrupted before the handler ran. */
  readonly notified: boolean
}

/** Which handlers of a role are to run on one host. */
export class Handlers {
  readonly #role: Role
  readonly #notified = new Set<string>()
  /** How often each has run. */
  readonly #ran = new Map<string, number>()

  constructor(role: Role) {
    this.#role = role
  }

  /** Throws TaskError for a handler that the role does not have. */
  check(names: readonly string[]): void {
    for (const name of names)
      if (!Object.hasOwn(this.#role.handlers, name))
        throw new TaskError(`the role ${this.#role.name} has no handler ${JSON.stringify(name)}`, {
          hint: `its handlers: ${Object.keys(this.#role.handlers).join(', ') || 'none'}`,
        })
  }

  /** Throws TaskError for a pending handler that the role does not have. */
  checkPending(names: readonly string[], host: string): void {
    const { name: role, handlers } = this.#role
    for (const name of names)
      if (!Object.hasOwn(handlers, name))
        throw new TaskError(
          `handler ${JSON.stringify(name)} is pending from an interrupted run, but the role ${role} no longer defines it`,
          { hint: `to drop it: fmc run ${host} -- ${unmarkScript(role, name)}` },
        )
  }

  notify(names: readonly string[]): void {
    for (const name of names) this.#notified.add(name)
  }

  /**
   * The next handler that is due, in the order of the role. `pending`: those that an interrupted run has left on the host.
   * A handler may notify others, so take them one by one. Throws TaskError for handlers that notify each other in a circle.
   */
  next(pending: ReadonlySet<string>): DueHandler | undefined {
    const names = Object.keys(this.#role.handlers)
    const name = names.find(n => this.#notified.has(n) || (pending.has(n) && !this.#ran.has(n)))
    if (name === undefined) return undefined
    const times = (this.#ran.get(name) ?? 0) + 1
    if (times > MOST_TIMES + names.length)
      throw new TaskError(`handler ${name} has run ${times - 1} times, and is notified again`, {
        hint: 'a handler must not notify itself, or another one that notifies it',
      })
    this.#ran.set(name, times)
    return { name, notified: this.#notified.delete(name) }
  }
}

/** How often a handler may run in one role run, at flush() calls and gates: far more often than any role needs. */
const MOST_TIMES = 100

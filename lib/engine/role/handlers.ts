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

  notify(names: readonly string[]): void {
    for (const name of names) this.#notified.add(name)
  }

  /**
   * The handlers that are due, in the order of the role. `pending`: those marked on the host. `planned`: those
   * (role/name) that this pass already counts as run, although their marks are still there. A handler may notify a later
   * one, so take them one by one. Throws TaskError for a pending handler that the role does not have.
   */
  *due(
    pending: readonly string[],
    planned: ReadonlySet<string>,
    host: string,
  ): Iterable<DueHandler> {
    const { name: role, handlers } = this.#role
    for (const name of pending)
      if (!Object.hasOwn(handlers, name))
        throw new TaskError(
          `handler ${JSON.stringify(name)} is pending from an interrupted run, but the role ${role} no longer defines it`,
          { hint: `to drop it: fmc run ${host} -- ${unmarkScript(role, name)}` },
        )
    for (const name of Object.keys(handlers)) {
      const notified = this.#notified.delete(name)
      if (notified || (pending.includes(name) && !planned.has(`${role}/${name}`)))
        yield { name, notified }
    }
  }
}

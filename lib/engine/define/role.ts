import type { z } from 'zod'
import type { Platforms } from '../../inventory/platform.ts'
import type { Advice, Advisor } from '../../inventory/role-vars.ts'
import type { Host } from '../../inventory/types.ts'
import { UsageError } from '../../errors.ts'

/** The argument of a role's tasks and handlers. */
export interface RoleContext<V, P = undefined> {
  /** The role's own variables for this host, checked and with defaults. */
  readonly vars: V
  readonly host: Host
  /** The host's row of the role's table `platforms`. */
  readonly platform: P
}

/** What `role` needs. S is the zod schema of the variables, P a row of `platforms`. */
export interface RoleDefinition<S extends z.ZodObject, P = undefined> {
  readonly name: string
  /** One line for `fmc doc`. */
  readonly summary: string
  /** Schema: its keys are the role's variables in the inventory, its descriptions are their documentation. */
  readonly vars: S
  /** All that differs between operating systems. Without it the role supports every system in the same way. */
  readonly platforms?: Platforms<P>
  /** Warnings of `fmc lint` about variables that are valid, but together unwise. Pure; asks no host. */
  advise?(context: Advisor<z.output<S>>): readonly Advice[]
  /** Awaited resources, in order. Runs in every pass, so its own code must have no side effects. */
  tasks(context: RoleContext<z.output<S>, P>): Promise<void>
  /**
   * By name. Those that a change notified run once, in the order written here, before the role's next gate or at its end.
   * One that an interrupted run has left runs in the next run.
   */
  readonly handlers?: Readonly<
    Record<string, (context: RoleContext<z.output<S>, P>) => Promise<unknown>>
  >
}

/**
 * A role whose variables' type is no longer visible, as plays hold it; made by `role`.
 *
 * @example
 * const namesOf = (roles: readonly Role[]): string[] => roles.map(({ name }) => name)
 */
export interface Role {
  readonly name: string
  readonly summary: string
  readonly vars: z.ZodObject
  readonly platforms?: Platforms<unknown> | undefined
  readonly advise?: ((context: Advisor<never>) => readonly Advice[]) | undefined
  tasks(context: RoleContext<never, never>): Promise<void>
  readonly handlers: Readonly<
    Record<string, (context: RoleContext<never, never>) => Promise<unknown>>
  >
}

/**
 * Defines a role; roles/<name>/index.ts exports it as default.
 *
 * @throws UsageError for an invalid role or handler name.
 *
 * @example
 * const motd = role({
 *   name: 'motd',
 *   summary: 'Greets people who log in',
 *   vars: z.object({ motd_text: z.string().describe('The greeting') }),
 *   async tasks({ vars }) {
 *     await file('/etc/motd', { content: `${vars.motd_text}\n`, notify: 'say so' })
 *   },
 *   handlers: { 'say so': () => $`logger "new motd"` },
 * })
 */
export function role<S extends z.ZodObject, P = undefined>(definition: RoleDefinition<S, P>): Role {
  if (!/^[a-z][a-z0-9-]*$/.test(definition.name))
    throw new UsageError(
      `${JSON.stringify(definition.name)} is not a role name (lower-case letters, digits, -)`,
    )
  const odd = Object.keys(definition.handlers ?? {}).find(name => !/^\S(.*\S)?$/.test(name))
  if (odd !== undefined)
    throw new UsageError(`role ${definition.name}: ${JSON.stringify(odd)} is not a handler name`)
  return { ...definition, handlers: definition.handlers ?? {} }
}

import type { z } from 'zod'
import type { Platforms } from '../../inventory/platform.ts'
import type { Advice, Advisor } from '../../inventory/role-vars.ts'
import type { Host, Inventory } from '../../inventory/types.ts'
import { UsageError } from '../../errors.ts'
import type { Page } from '../events.ts'

export interface RoleContext<V, P = undefined> {
  /** The role's own variables for this host, checked and with defaults. */
  readonly vars: V
  readonly host: Host
  /** The host's row of the role's table `platforms`. */
  readonly platform: P
}

export interface RoleDefinition<S extends z.ZodObject, P = undefined> {
  readonly name: string
  /** One line for `fmc doc`. */
  readonly summary: string
  /** zod object: its keys are the role's variables in the inventory, its descriptions are their documentation. */
  readonly vars: S
  /** All that differs between operating systems. Without it the role is the same on every one. */
  readonly platforms?: Platforms<P>
  /** What `fmc lint` warns of, from variables that are right by themselves. Pure; no host is asked. */
  advise?(context: Advisor<z.output<S>>): readonly Advice[]
  /** Plain awaited resources, in order. Runs in every pass, so whatever it does itself must be free of side effects. */
  tasks(context: RoleContext<z.output<S>, P>): Promise<void>
  /** By name; run once at the end of the role when notified, in the order written here. */
  readonly handlers?: Readonly<
    Record<string, (context: RoleContext<z.output<S>, P>) => Promise<unknown>>
  >
}

/** A role with its variables' type forgotten: what plays hold. */
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

/** Define a role (design: roles/<role>/index.ts exports it as default). */
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

/** What must hold before and after each batch of a rolling play, from real state. */
export interface Invariant {
  readonly name: string
  /**
   * true, or what is wrong. Runs on one host of the play; look at others with `on`. `before`: asked once before a batch.
   * `after`: asked until it holds, for `timeoutSeconds` (default 60).
   */
  check(when: 'before' | 'after', batch: readonly string[]): Promise<boolean | string>
  readonly timeoutSeconds?: number
}

/** Invariants that must hold together; the first that does not is told. */
export const all = (...invariants: readonly Invariant[]): Invariant => ({
  name: invariants.map(i => i.name).join(', '),
  timeoutSeconds: Math.max(...invariants.map(i => i.timeoutSeconds ?? 60)),
  async check(when, batch) {
    for (const invariant of invariants) {
      const answer = await invariant.check(when, batch)
      if (answer !== true)
        return `${invariant.name}: ${answer === false ? 'it does not hold' : answer}`
    }
    return true
  },
})

export interface PlayOptions {
  /** Ansible pattern. */
  readonly hosts: string
  readonly roles: readonly Role[]
  /** Hosts at a time: a number, a share such as '30%', or a list of these for successive batches. Default: all. */
  readonly serial?: number | `${number}%` | readonly (number | `${number}%`)[]
  /** Rank of a host, lowest first, asked on the host itself before the play: put the holder of an address last. */
  readonly order?: () => Promise<number>
  readonly invariant?: Invariant
  /**
   * A host at whose address nobody answers is worked on all the same, from others (`on`): questions to it throw
   * UnreachableError.
   */
  readonly allowUnreachable?: boolean
  /** Failed hosts that a rolling play endures before it stops; default 0. */
  readonly maxFail?: number
  readonly tags?: readonly string[]
}

export interface Play extends PlayOptions {
  readonly name: string
}

export const play = (name: string, options: PlayOptions): Play => ({ name, ...options })

/** Plays that do not depend on each other and run at the same time. */
export interface Together {
  readonly together: readonly Play[]
}
export const together = (...plays: readonly Play[]): Together => ({ together: plays })

/** What a playbook's roles have found, for its last word. */
export interface Findings {
  readonly inventory: Inventory
  /** The hosts that the selection left. */
  readonly hosts: readonly Host[]
  /** What a role handed to `observe` on a host. */
  readonly found: (host: string, role: string) => unknown
  /** Hosts that could not be reached or where a task failed, and why. */
  readonly lost: ReadonlyMap<string, string>
}

/** Makes one page of what was found: pure, so that it is tested without hosts. */
export type Conclude = (findings: Findings) => Page

export interface PlaybookOptions {
  /** Only looks: takes no lock, is no dry run of anything, and a host that fails stops no other. */
  readonly readOnly?: boolean
  readonly conclude?: Conclude
  /** `one host`: does nothing unless --limit (or the inventory) leaves exactly one. */
  readonly hosts?: 'one host'
  /** Must be typed before anything is changed, or given as `-e confirm=…`. A dry run does not ask. Throws TaskError for hosts that it cannot be done with. */
  readonly confirm?: (about: {
    readonly inventory: Inventory
    readonly hosts: readonly Host[]
  }) => {
    /** What will be done, in a sentence or two. */
    readonly question: string
    readonly answer: string
  }
}

export interface Playbook extends PlaybookOptions {
  readonly name: string
  /** In order; each stage is one play or several that run together. */
  readonly stages: readonly (readonly Play[])[]
}

/**
 * An ordered list of plays (playbooks/<name>.ts exports it as default). Play names must be unique, for they name tasks in
 * reports, and so must role names: a role's variables, owed handlers and tasks are known by them.
 */
export function playbook(
  name: string,
  plays: readonly (Play | Together)[],
  options: PlaybookOptions = {},
): Playbook {
  const stages = plays.map(p => ('together' in p ? p.together : [p]))
  const names = stages.flat().map(p => p.name)
  const twice = names.find((n, i) => names.indexOf(n) !== i)
  if (twice !== undefined)
    throw new UsageError(`playbook ${name}: two plays are called ${JSON.stringify(twice)}`)
  const roles = new Map<string, Role>()
  for (const { name: where, roles: own } of stages.flat()) {
    const again = own.find((r, i) => own.indexOf(r) !== i)
    if (again)
      throw new UsageError(`playbook ${name}: play ${where} has the role ${again.name} twice`)
    for (const r of own) {
      if ((roles.get(r.name) ?? r) !== r)
        throw new UsageError(`playbook ${name}: two roles are called ${r.name}`)
      roles.set(r.name, r)
    }
  }
  return { ...options, name, stages }
}

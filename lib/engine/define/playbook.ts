import { UsageError } from '../../errors.ts'
import type { Host, Inventory } from '../../inventory/types.ts'
import { missing, type Answer } from '../../resources/holds.ts'
import type { Page } from '../events.ts'
import type { Role } from './role.ts'

/** What must hold before and after each batch of a rolling play, from real state. */
export interface Invariant {
  readonly name: string
  /**
   * true, or what is wrong. Runs on one host of the play and only reads; look at other hosts with `on`. fmc asks once
   * `before` a batch, and `after` it until the invariant holds, for `timeoutSeconds` (default 60).
   */
  check(when: 'before' | 'after', batch: readonly string[]): Promise<Answer>
  readonly timeoutSeconds?: number
}

/** One invariant made of several; its answer is that of the first that does not hold. */
export const all = (...invariants: readonly Invariant[]): Invariant => ({
  name: invariants.map(i => i.name).join(', '),
  timeoutSeconds: Math.max(...invariants.map(i => i.timeoutSeconds ?? 60)),
  async check(when, batch) {
    for (const invariant of invariants) {
      const wrong = missing(await invariant.check(when, batch))
      if (wrong !== undefined) return `${invariant.name}: ${wrong}`
    }
    return true
  },
})

/** What `play` takes besides the name. */
export interface PlayDefinition {
  /** Ansible pattern. */
  readonly hosts: string
  readonly roles: readonly Role[]
  /** Hosts at a time: a number, a share such as '30%', or a list of these for successive batches. Default: all. */
  readonly serial?: number | `${number}%` | readonly (number | `${number}%`)[]
  /** Rank of a host, lowest first. Runs on each host before the play and only reads. */
  readonly order?: () => Promise<number>
  readonly invariant?: Invariant
  /** Run the roles also for a host that does not answer: they work from other hosts (`on`). Questions to it throw UnreachableError. */
  readonly allowUnreachable?: boolean
  /** How many hosts of a rolling play may fail before it stops; default 0. */
  readonly maxFail?: number
  readonly tags?: readonly string[]
}

/** Roles for the hosts of a pattern. */
export interface Play extends PlayDefinition {
  readonly name: string
}

/** Defines a play. */
export const play = (name: string, definition: PlayDefinition): Play => ({ name, ...definition })

/** Plays that do not depend on each other and run at the same time. */
export interface Together {
  readonly together: readonly Play[]
}

/** Lets plays run at the same time. */
export const together = (...plays: readonly Play[]): Together => ({ together: plays })

/** What a playbook's roles have found. */
export interface Findings {
  readonly inventory: Inventory
  /** The hosts that --limit leaves. */
  readonly hosts: readonly Host[]
  /** What a role handed to `observe` on a host. */
  readonly found: (host: string, role: string) => unknown
  /** Hosts that could not be reached or where a task failed, and why. */
  readonly lost: ReadonlyMap<string, string>
}

/** Makes one page of what was found: pure, so that it is tested without hosts. */
export type Conclude = (findings: Findings) => Page

/** What `playbook` takes besides the name and the plays. */
export interface PlaybookOptions {
  /** Reads the hosts and changes nothing: it takes no lock and has no dry run, and a host that fails stops no other. */
  readonly readOnly?: boolean
  readonly conclude?: Conclude
  /** `one host`: refuses to run unless --limit (or the inventory) leaves exactly one host. */
  readonly hosts?: 'one host'
  /**
   * A question whose answer must be typed before anything is changed, or given as `-e confirm=…`. A dry run does not ask.
   * Throws TaskError for hosts that the playbook cannot work on.
   */
  readonly confirm?: (about: {
    readonly inventory: Inventory
    readonly hosts: readonly Host[]
  }) => {
    /** What will be done, in a sentence or two. */
    readonly question: string
    readonly answer: string
  }
}

/** An ordered list of plays. */
export interface Playbook extends PlaybookOptions {
  readonly name: string
  /** In order; each stage is one play or several that run together. */
  readonly stages: readonly (readonly Play[])[]
}

/**
 * Defines a playbook (playbooks/<name>.ts exports it as default). No two plays and no two roles may have the same name:
 * play names identify tasks in reports; role names identify variables, tasks and pending handlers. Throws UsageError.
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

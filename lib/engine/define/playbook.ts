import { UsageError } from '../../errors.ts'
import type { Host, Inventory } from '../../inventory/types.ts'
import { missing, type Answer } from '../../resources/holds.ts'
import type { Page } from '../events.ts'
import type { Role } from './role.ts'

/**
 * A condition that must hold before and after each batch of a rolling play. fmc refuses a step that would break it.
 *
 * @example
 * const serves: Invariant = {
 *   name: 'the service answers',
 *   check: async () => (await probe`curl -fsS http://10.17.3.20/`).ok || 'no answer',
 *   timeoutSeconds: 120,
 * }
 */
export interface Invariant {
  readonly name: string
  /**
   * true, or what is wrong. Runs on one host of the play and only reads; look at other hosts with `on`. fmc asks once
   * `before` a batch, and `after` it until the invariant holds, for `timeoutSeconds` (default 60).
   */
  check(when: 'before' | 'after', batch: readonly string[]): Promise<Answer>
  readonly timeoutSeconds?: number
}

/**
 * Joins invariants into one that holds when all of them hold; otherwise it gives the answer of the first that does not.
 * Its time limit is the longest of theirs.
 *
 * @example
 * const up: Invariant = { name: 'up', check: async () => (await probe`systemctl is-active k3s`).ok }
 * const safe = all(up, { ...up, name: 'still up' })
 */
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
  /**
   * Does this host serve nothing yet, so that work on it interrupts nobody? Such hosts make the first batch, all at once;
   * `serial` counts for the others. Runs on each host before the play and only reads.
   */
  readonly servesNothing?: () => Promise<boolean>
  /** Run the roles also for a host that does not answer: they work from other hosts (`on`). Questions to it throw UnreachableError. */
  readonly allowUnreachable?: boolean
  /** How many hosts of a rolling play may fail before it stops; default 0. */
  readonly maxFail?: number
  readonly tags?: readonly string[]
}

/**
 * Roles on a group of hosts, with the way in which fmc rolls them out; made by `play`.
 *
 * @example
 * const isRolling = ({ serial }: Play): boolean => serial !== undefined
 */
export interface Play extends PlayDefinition {
  readonly name: string
}

/**
 * Makes a play: runs roles, in order, on the hosts of a pattern.
 *
 * @param name - for people; unique in the playbook
 *
 * @example
 * const motd = role({ name: 'motd', summary: 'Greets', vars: z.object({}), async tasks() {} })
 * const greeting = play('Greeting', { hosts: 'all:!db', roles: [motd], serial: '30%', maxFail: 1 })
 */
export const play = (name: string, definition: PlayDefinition): Play => ({ name, ...definition })

/** Plays that do not depend on each other and run at the same time; made by `together`. */
export interface Together {
  readonly together: readonly Play[]
}

/**
 * Runs plays at the same time that do not depend on each other. Plays with a host in common run one after another, in
 * their order.
 *
 * @example
 * const stage = together(
 *   play('DNS', { hosts: 'infra', roles: [] }),
 *   play('Database', { hosts: 'databases', roles: [] }),
 * )
 */
export const together = (...plays: readonly Play[]): Together => ({ together: plays })

/**
 * What the roles of a playbook have found, for its `conclude`.
 *
 * @example
 * const reached = ({ hosts, lost }: Findings): string[] =>
 *   hosts.map(({ name }) => name).filter(name => !lost.has(name))
 */
export interface Findings {
  readonly inventory: Inventory
  /** The hosts that --limit leaves. */
  readonly hosts: readonly Host[]
  /** What a role handed to `observe` on a host. */
  readonly found: (host: string, role: string) => unknown
  /** Hosts that could not be reached or where a task failed, and why. */
  readonly lost: ReadonlyMap<string, string>
}

/**
 * A playbook's conclusion: makes one page of what its roles have found. Pure, so that tests need no hosts.
 *
 * @example
 * const conclude: Conclude = ({ lost }) => ({
 *   title: 'Hosts',
 *   findings: [...lost].map(([host, why]) => ({ level: 'broken', text: `${host}: ${why}` })),
 * })
 */
export type Conclude = (findings: Findings) => Page

/** What makes a playbook more than a list of plays. */
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

/**
 * An ordered list of plays, made by `playbook`.
 *
 * @example
 * const playNames = ({ stages }: Playbook): string[] => stages.flat().map(({ name }) => name)
 */
export interface Playbook extends PlaybookOptions {
  readonly name: string
  /** In order; each stage is one play or several that run together. */
  readonly stages: readonly (readonly Play[])[]
}

/**
 * Defines a playbook; playbooks/<name>.ts exports it as default. Its plays run in order. The names of plays and of roles
 * must be unique, because reports, variables and pending handlers use them.
 *
 * @throws UsageError for a name that appears twice.
 *
 * @example
 * const site = playbook('site', [
 *   play('Hypervisors', { hosts: 'hypervisors', roles: [] }),
 *   together(play('DNS', { hosts: 'infra', roles: [] }), play('NFS', { hosts: 'storage', roles: [] })),
 * ])
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

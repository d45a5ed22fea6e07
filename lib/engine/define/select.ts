import type { z } from 'zod'
import { UsageError } from '../../errors.ts'
import { matchPlay } from '../../inventory/patterns.ts'
import { nearest } from '../../text/nearest.ts'
import type { Host, Inventory } from '../../inventory/types.ts'
import type { Play, Playbook } from './playbook.ts'
import type { Role } from './role.ts'

/** A play with those of its hosts and roles that --limit, --tags and --role select. */
export interface SelectedPlay {
  readonly play: Play
  readonly hosts: readonly Host[]
  readonly roles: readonly Role[]
}

/** What to select from a playbook. */
export interface Selection {
  /** Names of hosts. */
  readonly limit?: ReadonlySet<string> | undefined
  readonly tags?: readonly string[] | undefined
  readonly skipTags?: readonly string[] | undefined
  readonly role?: string | undefined
  /** A role: what comes before it is left out. */
  readonly startAt?: string | undefined
  /** Roles that cannot run here, and why. */
  readonly skip?: ReadonlyMap<string, string> | undefined
}

/** The stages of a playbook with the selected hosts and roles, without plays that have none. Throws UsageError when nothing is selected. */
export function select(inventory: Inventory, playbook: Playbook, s: Selection): SelectedPlay[][] {
  checkNames(playbook, s)
  const selected = playbook.stages.map(stage => stage.map(play => selectPlay(inventory, play, s)))
  const stages = (s.startAt === undefined ? selected : startingAt(selected, s.startAt))
    .map(stage => stage.filter(p => p.hosts.length > 0 && p.roles.length > 0))
    .filter(stage => stage.length > 0)
  if (stages.length === 0) {
    const [first] = missingGroups(inventory, playbook, s)
    throw new UsageError(
      first === undefined
        ? `nothing to do: these options select no play of ${playbook.name}`
        : `nothing to do: the inventory has no group ${first.name}, on which the plays ${first.plays.join(', ')} run`,
      { hint: first && `its groups: ${[...inventory.groups.keys()].slice(0, 12).join(', ')}` },
    )
  }
  return stages
}

/** Throws UsageError for a role or tag that the playbook does not have. */
function checkNames({ name, stages }: Playbook, s: Selection): void {
  const plays = stages.flat()
  const roles = new Set(plays.flatMap(p => p.roles.map(r => r.name)))
  const tags = new Set([...plays.flatMap(p => p.tags ?? []), ...roles])
  const check = (kind: string, given: string | undefined, known: ReadonlySet<string>): void => {
    if (given === undefined || known.has(given)) return
    const near = nearest(given, known)
    throw new UsageError(`the playbook ${name} has no ${kind} ${given}`, {
      hint: near === undefined ? `its ${kind}s: ${[...known].join(', ')}` : `did you mean ${near}?`,
    })
  }
  check('role', s.role, roles)
  check('role', s.startAt, roles)
  for (const tag of [...(s.tags ?? []), ...(s.skipTags ?? [])]) check('tag', tag, tags)
}

/** Names in the patterns of the selected plays that the inventory does not have, each with its plays. */
export function missingGroups(
  inventory: Inventory,
  playbook: Playbook,
  s: Selection,
): { readonly name: string; readonly plays: readonly string[] }[] {
  const plays = new Map<string, string[]>()
  for (const play of playbook.stages.flat())
    if (selectRoles(play, s).length > 0)
      for (const name of matchPlay(inventory, play.hosts).missing)
        plays.set(name, [...(plays.get(name) ?? []), play.name])
  return [...plays].map(([name, own]) => ({ name, plays: own }))
}

const selectPlay = (inventory: Inventory, play: Play, s: Selection): SelectedPlay => ({
  play,
  hosts: matchPlay(inventory, play.hosts).hosts.filter(h => s.limit?.has(h.name) ?? true),
  roles: selectRoles(play, s),
})

function selectRoles(play: Play, s: Selection): Role[] {
  const has = (role: Role, tags: readonly string[]): boolean =>
    tags.some(t => t === role.name || play.tags?.includes(t))
  return play.roles.filter(
    r =>
      (!s.tags?.length || has(r, s.tags)) &&
      !has(r, s.skipTags ?? []) &&
      (s.role === undefined || s.role === r.name) &&
      !s.skip?.has(r.name),
  )
}

/** From the first play on that has the role, and in this play from the role on. Plays that run together with it stay. */
function startingAt(stages: readonly SelectedPlay[][], role: string): SelectedPlay[][] {
  const has = (p: SelectedPlay): boolean => p.hosts.length > 0 && p.roles.some(r => r.name === role)
  const first = stages.findIndex(stage => stage.some(has))
  const [home, ...later] = first < 0 ? [] : stages.slice(first)
  const begin = home?.find(has)
  if (!home || !begin)
    throw new UsageError(`--start-at ${role}: these options select no play with this role`)
  const roles = begin.roles.slice(begin.roles.findIndex(r => r.name === role))
  return [home.map(p => (p === begin ? { ...p, roles } : p)), ...later]
}

/** Checked variables, by role and host. */
export type CheckedVars = ReadonlyMap<string, unknown>

/** The key of a role's variables on a host. */
export const varsKey = (role: Role, host: Host): string => `${role.name}\0${host.name}`

/** Checks every role's variables on every host, before any host is connected to. Throws one UsageError with all problems. */
export function checkVars(
  stages: readonly (readonly SelectedPlay[])[],
  describe: (host: Host, key: string) => string,
): CheckedVars {
  const checked = new Map<string, unknown>()
  const problems = new Set<string>()
  for (const { hosts, roles } of stages.flat())
    for (const role of roles)
      for (const host of hosts) {
        const result = role.vars.safeParse(ownVars(role, host))
        if (result.success) checked.set(varsKey(role, host), result.data)
        else
          for (const issue of result.error.issues)
            problems.add(problem(role, host, issue, describe))
      }
  if (problems.size > 0) throw new UsageError([...problems].join('\n'))
  return checked
}

const ownVars = (role: Role, host: Host): Record<string, unknown> =>
  Object.fromEntries(Object.entries(host.vars).filter(([key]) => key in role.vars.shape))

function problem(
  role: Role,
  host: Host,
  issue: z.core.$ZodIssue,
  describe: (host: Host, key: string) => string,
): string {
  const [key = ''] = issue.path
  const path = issue.path
    .map(p => (typeof p === 'number' ? `[${p}]` : `.${String(p)}`))
    .join('')
    .slice(1)
  return `${describe(host, String(key))}: ${path} of role ${role.name} on ${host.name}: ${issue.message}`
}

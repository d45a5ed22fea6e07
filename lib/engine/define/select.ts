import type { z } from 'zod'
import { UsageError } from '../../errors.ts'
import { matchHosts } from '../../inventory/patterns.ts'
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
  readonly limit?: string | undefined
  readonly tags?: readonly string[] | undefined
  readonly role?: string | undefined
  /** Roles that cannot run here, and why. */
  readonly skip?: ReadonlyMap<string, string> | undefined
}

/** The stages of a playbook with the selected hosts and roles, without plays that have none. Throws UsageError when nothing is selected. */
export function select(inventory: Inventory, playbook: Playbook, s: Selection): SelectedPlay[][] {
  const limit =
    s.limit === undefined ? undefined : new Set(matchHosts(inventory, s.limit).map(h => h.name))
  if (limit?.size === 0) throw new UsageError(`--limit ${s.limit ?? ''} matches no host`)
  const known = new Set(playbook.stages.flat().flatMap(p => p.roles.map(r => r.name)))
  if (s.role !== undefined && !known.has(s.role))
    throw new UsageError(`the playbook ${playbook.name} has no role ${s.role}`, {
      hint: `its roles: ${[...known].join(', ')}`,
    })
  const stages = playbook.stages
    .map(stage =>
      stage
        .map(play => selectPlay(inventory, play, s, limit))
        .filter(p => p.hosts.length > 0 && p.roles.length > 0),
    )
    .filter(stage => stage.length > 0)
  if (stages.length === 0)
    throw new UsageError(`nothing to do: these options select no play of ${playbook.name}`)
  return stages
}

function selectPlay(
  inventory: Inventory,
  play: Play,
  s: Selection,
  limit: ReadonlySet<string> | undefined,
): SelectedPlay {
  const tagged = (role: Role): boolean =>
    !s.tags?.length || s.tags.some(t => t === role.name || play.tags?.includes(t))
  return {
    play,
    hosts: matchHosts(inventory, play.hosts).filter(h => limit?.has(h.name) ?? true),
    roles: play.roles.filter(
      r => tagged(r) && (s.role === undefined || s.role === r.name) && !s.skip?.has(r.name),
    ),
  }
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

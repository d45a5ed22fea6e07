import { UsageError } from '../errors.ts'
import { suggestion } from '../text/nearest.ts'
import type { AnsibleInventory } from './model.ts'
import { membersOf, PROJECT_VARIABLES, type Project, type ProjectGroups } from './project.ts'

/** The names on purpose: those of --map, and before them those of a known project. UsageError for a name that is nothing here. */
export function nameMap(
  inventory: AnsibleInventory,
  project: Project,
  { servers, agents, cluster: whole }: ProjectGroups,
  own: ReadonlyMap<string, string> = new Map(),
): ReadonlyMap<string, string> {
  const owners = [...inventory.groups.values(), ...inventory.hosts.values()]
  const known = new Set([
    ...inventory.groups.keys(),
    ...owners.flatMap(({ inline, files, play }) => [
      ...inline.keys(),
      ...files.keys(),
      ...play.keys(),
    ]),
  ])
  for (const [old, wanted] of own)
    if (!known.has(old))
      throw new UsageError(`--map ${old}=${wanted}: there is no group or variable called ${old}`, {
        hint: suggestion(old, [...known]),
      })
  const taken = new Set([...own.values(), ...inventory.groups.keys()])
  const overlap =
    agents !== undefined &&
    servers !== undefined &&
    [...membersOf(inventory, agents)].some(host => membersOf(inventory, servers).has(host))
  const groups = [
    [servers, 'k3s_servers'],
    ...(overlap ? [] : [[agents, 'k3s_agents']]),
    [whole, 'k3s_cluster'],
  ].filter((pair): pair is [string, string] => pair[0] !== undefined && !taken.has(pair[1] ?? ''))
  return new Map([...Object.entries(PROJECT_VARIABLES[project]), ...groups, ...own])
}

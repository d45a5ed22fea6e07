import { nearest } from '../text/nearest.ts'
import { list } from '../text/words.ts'
import type { UnplacedProblem } from './problem.ts'
import type { RawInventory } from './raw.ts'
import type { RoleVarsInfo } from './role-vars.ts'
import type { Inventory } from './types.ts'

/** Where the roles of the linted playbooks run. */
export interface Usage {
  /** Of the playbooks that lint checks, with their hosts. */
  readonly roles: readonly RoleVarsInfo[]
  /** Role → hosts on which any other playbook runs it, such as an operation. */
  readonly elsewhere: ReadonlyMap<string, ReadonlySet<string>>
  /** Hosts that a play names, itself or by a group; a play of fmc's site on `all` does not count. */
  readonly played: ReadonlySet<string>
  /** Groups that fmc's site runs on and the inventory does not have. */
  readonly missingGroups: readonly string[]
  /** Groups that a play names. */
  readonly playedGroups: ReadonlySet<string>
}

/**
 * Warnings for hosts that are in no group and that nothing names: no play, variable, VIP, network or VM. An inventory without groups
 * is used by host names, so there are none.
 */
export function ungroupedProblems(
  raw: RawInventory,
  inventory: Inventory,
  { played }: Usage,
): UnplacedProblem[] {
  if (Object.keys(raw.groups ?? {}).length === 0) return []
  const named = namedIn(raw)
  return [...inventory.hosts.values()]
    .filter(({ name, groups }) => groups.length === 1 && !played.has(name) && !named.has(name))
    .map(({ name }) => ({
      severity: 'warning',
      path: ['hosts', name],
      key: true,
      message: `${name} is in no group, and no play names it`,
      hint: `add it to a group: groups: { NAME: { hosts: [${name}] } }`,
    }))
}

/** The words of all texts in which an inventory may name a host, apart from the lists of groups. */
function namedIn({ all, groups, hosts, networks, vips }: RawInventory): ReadonlySet<string> {
  const words = new Set<string>()
  const visit = (value: unknown): void => {
    if (typeof value === 'string') for (const word of value.split(/[^\w-]+/)) words.add(word)
    else if (typeof value === 'object' && value !== null) Object.values(value).forEach(visit)
  }
  visit(all?.vars)
  visit(Object.values(groups ?? {}).map(({ vars }) => vars))
  visit(Object.values(hosts).map(({ vars, vm_on }) => [vars, vm_on]))
  visit(Object.values(networks).map(({ router }) => router))
  visit(Object.values(vips ?? {}).map(vip => [vip.backends, vip.balancers, vip.preferred]))
  return words
}

/** Warnings for groups that no play runs on, with almost the name of one that fmc's site does run on. */
export const misspeltGroupProblems = (
  raw: RawInventory,
  { missingGroups, playedGroups }: Usage,
): UnplacedProblem[] =>
  missingGroups.flatMap(missing => {
    const name = nearest(
      missing,
      Object.keys(raw.groups ?? {}).filter(group => !playedGroups.has(group)),
    )
    return name === undefined
      ? []
      : [
          {
            severity: 'warning',
            path: ['groups', name],
            key: true,
            message: `no play runs on the group ${name}; the playbook site has plays for ${missing}`,
            hint: `did you mean ${missing}?`,
          },
        ]
  })

/** Warnings for variables of a host or group where no role reads them. Variables of `all` may be for a part of the hosts. */
export function unusedVarProblems(
  raw: RawInventory,
  inventory: Inventory,
  { roles, elsewhere }: Usage,
): UnplacedProblem[] {
  const readers = new Map<string, RoleVarsInfo[]>()
  for (const info of roles)
    for (const name of Object.keys(info.vars.shape)) {
      const others = readers.get(name)
      if (others === undefined) readers.set(name, [info])
      else others.push(info)
    }
  const runs = new Map<string, Set<string>>()
  for (const { role, hosts } of roles) {
    const all = runs.get(role) ?? new Set(elsewhere.get(role))
    for (const host of hosts) all.add(host)
    runs.set(role, all)
  }
  const layers = [
    ...Object.entries(raw.groups ?? {}).map(
      ([name, { vars }]) => ['groups', name, vars, inventory.groups.get(name) ?? []] as const,
    ),
    ...Object.entries(raw.hosts).map(([name, { vars }]) => ['hosts', name, vars, [name]] as const),
  ]
  return layers.flatMap(([kind, layer, vars, hosts]) =>
    Object.keys(vars ?? {}).flatMap((name): UnplacedProblem[] => {
      const own = readers.get(name) ?? []
      const known = own.every(({ role, planned }) => planned === true || elsewhere.has(role))
      if (own.length === 0 || !known || hosts.length === 0) return []
      if (hosts.some(host => own.some(({ role }) => runs.get(role)?.has(host)))) return []
      const names = [...new Set(own.map(({ role }) => role))]
      const on = [...inventory.hosts.keys()].filter(host =>
        names.some(role => runs.get(role)?.has(host)),
      )
      return [
        {
          severity: 'warning',
          path: [kind, layer, 'vars', name],
          key: true,
          message: `${name} has no effect on ${list(hosts)}: ${names.length === 1 ? `the role ${names.join('')} does` : `the roles ${list(names)} do`} not run there`,
          hint:
            on.length === 0
              ? `no host runs ${names.length === 1 ? 'it' : 'them'}: no play of it has hosts here`
              : `${names.length === 1 ? 'it runs' : 'they run'} on ${list(on)}`,
        },
      ]
    }),
  )
}

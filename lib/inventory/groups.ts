import type { RawGroup, RawInventory } from './raw.ts'

/** The groups of an inventory, `children` included. It ignores unknown names, which check.ts reports. */
export interface GroupTree {
  /** Group → its hosts in inventory order, `all` first. */
  readonly members: ReadonlyMap<string, readonly string[]>
  /** Host → its groups: `all` first, parents before children, otherwise in inventory order. */
  readonly groupsOf: ReadonlyMap<string, readonly string[]>
}

/** Resolves the groups. The inventory must have no cycle (findCycle). */
export function groupTree(raw: RawInventory): GroupTree {
  const groups = raw.groups ?? {}
  const order = Object.keys(groups)
  const depths = depthsOf(groups)
  const inside = new Map<string, ReadonlySet<string>>()
  for (const name of order) collect(groups, name, inside)

  const byDepth = order.toSorted((a, b) => (depths.get(a) ?? 0) - (depths.get(b) ?? 0))
  const hosts = Object.keys(raw.hosts)
  const members = new Map<string, string[]>([
    ['all', hosts],
    ...order.map((name): [string, string[]] => [name, []]),
  ])
  const groupsOf = new Map<string, string[]>()
  for (const host of hosts) {
    const own = byDepth.filter(name => inside.get(name)?.has(host))
    groupsOf.set(host, ['all', ...own])
    for (const name of own) members.get(name)?.push(host)
  }
  return { members, groupsOf }
}

function collect(
  groups: Readonly<Record<string, RawGroup>>,
  name: string,
  inside: Map<string, ReadonlySet<string>>,
): ReadonlySet<string> {
  const known = inside.get(name)
  if (known !== undefined) return known
  const hosts = new Set(groups[name]?.hosts)
  for (const child of groups[name]?.children ?? [])
    for (const host of collect(groups, child, inside)) hosts.add(host)
  inside.set(name, hosts)
  return hosts
}

/** Length of the longest path from `all` (as in Ansible), so that a group is always deeper than its parents. */
function depthsOf(groups: Readonly<Record<string, RawGroup>>): Map<string, number> {
  const parents = new Map<string, string[]>()
  for (const [name, group] of Object.entries(groups))
    for (const child of group.children ?? [])
      parents.set(child, [...(parents.get(child) ?? []), name])
  const depths = new Map<string, number>()
  const depth = (name: string): number => {
    const known = depths.get(name)
    if (known !== undefined) return known
    const found = 1 + Math.max(0, ...(parents.get(name) ?? []).map(depth))
    depths.set(name, found)
    return found
  }
  for (const name of Object.keys(groups)) depth(name)
  return depths
}

/** The names along a cycle of `children`, the first one again at the end; undefined: there is no cycle. */
export function findCycle(
  groups: Readonly<Record<string, RawGroup>>,
): readonly string[] | undefined {
  const done = new Set<string>()
  const visit = (name: string, way: readonly string[]): readonly string[] | undefined => {
    if (way.includes(name)) return [...way.slice(way.indexOf(name)), name]
    if (done.has(name)) return undefined
    for (const child of groups[name]?.children ?? []) {
      const cycle = visit(child, [...way, name])
      if (cycle !== undefined) return cycle
    }
    done.add(name)
    return undefined
  }
  for (const name of Object.keys(groups)) {
    const cycle = visit(name, [])
    if (cycle !== undefined) return cycle
  }
  return undefined
}

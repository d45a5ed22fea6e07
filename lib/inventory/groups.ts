import type { RawGroup, RawInventory } from './raw.ts'

/** The groups of an inventory, `children` included. It ignores unknown names, which check.ts reports. */
export interface GroupTree {
  /** Group → its hosts in inventory order, `all` first. */
  readonly members: ReadonlyMap<string, readonly string[]>
  /** Host → its groups: `all` first, parents before children, otherwise in inventory order. */
  readonly groupsOf: ReadonlyMap<string, readonly string[]>
}

/** Resolves the groups. The inventory must have no cycle (findCycle). Takes time in proportion to its result. */
export function groupTree(raw: RawInventory): GroupTree {
  const groups = raw.groups ?? {}
  const order = Object.keys(groups)
  const { childrenFirst } = walk(groups)
  const inside = membersOf(groups, childrenFirst)
  const depths = depthsOf(groups, childrenFirst.toReversed())

  const hosts = Object.keys(raw.hosts)
  const position = new Map(hosts.map((host, index) => [host, index]))
  const groupsOf = new Map(hosts.map((host): [string, string[]] => [host, ['all']]))
  for (const name of order.toSorted((a, b) => (depths.get(a) ?? 0) - (depths.get(b) ?? 0)))
    for (const host of inside.get(name) ?? []) groupsOf.get(host)?.push(name)
  const members = new Map<string, string[]>([['all', hosts]])
  for (const name of order)
    members.set(
      name,
      [...(inside.get(name) ?? [])]
        .filter(host => position.has(host))
        .sort((a, b) => (position.get(a) ?? 0) - (position.get(b) ?? 0)),
    )
  return { members, groupsOf }
}

type Groups = Readonly<Record<string, RawGroup>>

/** The hosts of each group, also through `children`. */
function membersOf(
  groups: Groups,
  childrenFirst: readonly string[],
): Map<string, ReadonlySet<string>> {
  const inside = new Map<string, ReadonlySet<string>>()
  for (const name of childrenFirst) {
    const hosts = new Set(groups[name]?.hosts)
    for (const child of groups[name]?.children ?? [])
      for (const host of inside.get(child) ?? []) hosts.add(host)
    inside.set(name, hosts)
  }
  return inside
}

/** Length of the longest path from `all` (as in Ansible), so that a group is always deeper than its parents. */
function depthsOf(groups: Groups, parentsFirst: readonly string[]): Map<string, number> {
  const depths = new Map<string, number>()
  for (const name of parentsFirst) {
    const depth = depths.get(name) ?? 1
    depths.set(name, depth)
    for (const child of groups[name]?.children ?? [])
      depths.set(child, Math.max(depths.get(child) ?? 1, depth + 1))
  }
  return depths
}

/** The names along a cycle of `children`, the first one again at the end; undefined: there is no cycle. */
export const findCycle = (groups: Groups): readonly string[] | undefined => walk(groups).cycle

/** Depth first, without calling itself: a chain of groups can be longer than the stack is deep. Stops at the first cycle. */
function walk(groups: Groups): {
  readonly childrenFirst: readonly string[]
  readonly cycle: readonly string[] | undefined
} {
  const done = new Set<string>()
  for (const root of Object.keys(groups)) {
    const way: { readonly name: string; readonly children: Iterator<string> }[] = []
    const open = new Set<string>()
    const enter = (name: string): void => {
      if (done.has(name)) return
      const children = Object.hasOwn(groups, name) ? (groups[name]?.children ?? []) : []
      way.push({ name, children: children.values() })
      open.add(name)
    }
    enter(root)
    for (let last = way.at(-1); last !== undefined; last = way.at(-1)) {
      const child = last.children.next()
      if (child.done === true) {
        way.pop()
        open.delete(last.name)
        done.add(last.name)
      } else if (open.has(child.value)) {
        const names = [...open]
        const cycle = [...names.slice(names.indexOf(child.value)), child.value]
        return { childrenFirst: [...done], cycle }
      } else enter(child.value)
    }
  }
  return { childrenFirst: [...done], cycle: undefined }
}

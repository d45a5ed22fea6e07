import { findCycle } from './groups.ts'
import { Suggestions } from './suggestions.ts'
import type { UnplacedProblem, Path } from './problem.ts'
import type { RawInventory } from './raw.ts'

/** Problems of names: unknown, used twice, or in a cycle. */
export function referenceProblems(raw: RawInventory): UnplacedProblem[] {
  const known: Known = {
    host: new Suggestions(raw.hosts),
    group: new Suggestions(raw.groups ?? {}),
    network: new Suggestions(raw.networks),
  }
  return [...groupProblems(raw, known), ...hostProblems(raw, known), ...networkProblems(raw, known)]
}

type Known = Readonly<Record<'host' | 'group' | 'network', Suggestions>>

function groupProblems(raw: RawInventory, known: Known): UnplacedProblem[] {
  const found: UnplacedProblem[] = []
  const groups = raw.groups ?? {}
  for (const [name, group] of Object.entries(groups)) {
    const path = ['groups', name]
    if (name === 'all' || name === 'ungrouped')
      found.push(
        error(
          path,
          `a group cannot be called ${name}`,
          'put settings of every host under all:',
          true,
        ),
      )
    if (Object.hasOwn(raw.hosts, name))
      found.push({
        ...error(path, `${name} is also the name of a host`, 'rename the group', true),
        other: { path: ['hosts', name], key: true, message: `the host ${name}` },
      })
    for (const [index, host] of (group.hosts ?? []).entries())
      found.push(...unknown('host', host, known, [...path, 'hosts', index]))
    for (const [index, child] of (group.children ?? []).entries())
      found.push(...unknown('group', child, known, [...path, 'children', index]))
    found.push(...repeats(group.hosts ?? [], [...path, 'hosts']))
    found.push(...repeats(group.children ?? [], [...path, 'children']))
  }
  const cycle = findCycle(groups)
  if (cycle !== undefined)
    found.push(
      error(
        ['groups', cycle[0] ?? '', 'children'],
        `the group ${cycle[0] ?? ''} contains itself: ${cycle.join(' → ')}`,
        'remove one of them from children',
        true,
      ),
    )
  return found
}

function hostProblems(raw: RawInventory, known: Known): UnplacedProblem[] {
  return Object.entries(raw.hosts).flatMap(([name, host]) => {
    const path = ['hosts', name]
    const found: UnplacedProblem[] = []
    if (host.vm_on === name) found.push(error([...path, 'vm_on'], `${name} is a VM of itself`))
    if (host.vm_on !== undefined)
      found.push(...unknown('host', host.vm_on, known, [...path, 'vm_on']))
    for (const [index, nic] of (host.nics ?? []).entries())
      found.push(...unknown('network', nic.network, known, [...path, 'nics', index, 'network']))
    if ((host.nics ?? []).length === 0 && host.ssh?.host === undefined)
      found.push(
        error(
          path,
          `${name} has no address`,
          'give it nics: [{ network, address }] or ssh: { host }',
          true,
        ),
      )
    const disks = (host.disks ?? []).map(disk => disk.name)
    found.push(...repeats(disks, [...path, 'disks']))
    return found
  })
}

function networkProblems(raw: RawInventory, known: Known): UnplacedProblem[] {
  return Object.entries(raw.networks).flatMap(([name, network]) => {
    if (network.router === undefined) return []
    const path = ['networks', name, 'router']
    const found = unknown('host', network.router, known, path)
    if (network.gateway === undefined)
      found.push(
        error(
          path,
          `${name} has a router but no gateway`,
          "set gateway to the router's address",
          true,
        ),
      )
    return found
  })
}

function unknown(kind: keyof Known, name: string, known: Known, path: Path): UnplacedProblem[] {
  if (known[kind].has(name)) return []
  return [error(path, `no ${kind} is called ${name}`, known[kind].for(name))]
}

function repeats(names: readonly string[], path: Path): UnplacedProblem[] {
  const first = new Map<string, number>()
  return names.flatMap((name, index) => {
    const before = first.get(name)
    if (before === undefined) first.set(name, index)
    return before === undefined
      ? []
      : [
          {
            ...error([...path, index], `${name} appears twice`, 'remove one'),
            other: { path: [...path, before], message: 'the first' },
          },
        ]
  })
}

/** A problem that stops every command. `key`: its place is the last key, not the value. */
export const error = (
  path: Path,
  message: string,
  hint?: string,
  key = false,
): UnplacedProblem => ({
  severity: 'error',
  path,
  message,
  hint,
  ...(key && { key }),
})

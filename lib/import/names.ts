import { UsageError } from '../errors.ts'
import { parseIpv4 } from '../inventory/net.ts'
import type { AnsibleInventory } from './model.ts'
import { PREFIX } from './variable-names.ts'

const HOST_NAME = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/
const GROUP_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/

/** Ansible's names of hosts and groups → fmc's. Each changed name has a remark. */
export interface Names {
  readonly hosts: ReadonlyMap<string, string>
  /** Without all and ungrouped. */
  readonly groups: ReadonlyMap<string, string>
}

interface Options {
  /** On purpose: the names that groups get. */
  readonly map: ReadonlyMap<string, string>
  /** Groups on which fmc's plays run. */
  readonly reserved: ReadonlySet<string>
}

/** Colons are for ports and IPv6 addresses: `ansible_password:x` is a mistake, and what follows may be a secret. */
const isMistaken = (name: string): boolean =>
  /\p{Cc}/u.test(name) ||
  (name.includes(':') && !/^[^:]+:\d+$|^\S*@?\[?[0-9a-fA-F.:]+(%\w+)?\]?(:\d+)?$/.test(name))

export function fmcNames(inventory: AnsibleInventory, { map, reserved }: Options): Names {
  for (const [name, { file, line }] of inventory.hosts)
    if (isMistaken(name))
      throw new UsageError(
        `${file}:${line}: expected a host, or key=value after one; a colon is for a port or an IPv6 address, and control characters are for nothing. The text is not shown, since it may be a secret`,
      )
  const label = (name: string): string => name.split('.')[0] ?? name
  const labels = new Map<string, number>()
  for (const name of inventory.hosts.keys())
    labels.set(label(name), (labels.get(label(name)) ?? 0) + 1)
  const alone = (name: string): boolean => labels.get(label(name)) === 1
  const groupNames = new Set([...reserved, ...map.values()])
  const hosts = renamed(
    inventory.hosts.keys(),
    name => {
      const safe = hostName(name, alone(name))
      return groupNames.has(safe) ? PREFIX.replace('_', '-') + safe : safe
    },
    '-',
  )
  const taken = new Set(hosts.values())
  const groups = renamed(
    [...inventory.groups.keys()].filter(name => name !== 'all' && name !== 'ungrouped'),
    name => {
      const mapped = map.get(name)
      if (mapped !== undefined) return mapped
      const safe = name.replace(/[^A-Za-z0-9_]/g, '_').replace(/^(?=\d)/, '_')
      if (groupNames.has(safe)) return PREFIX + safe
      return taken.has(safe) ? `${safe}_group` : safe
    },
    '_',
  )
  checkMapped(groups, map)
  const because = (name: string): string =>
    reserved.has(name) && !map.has(name)
      ? `, since fmc has plays for ${name}; if you mean those: --map ${name}=${name}`
      : '; variables that mention it are unchanged'
  for (const [kind, names, all] of [
    ['host', hosts, inventory.hosts],
    ['group', groups, inventory.groups],
  ] as const)
    for (const [old, name] of names) {
      const place = all.get(old)
      if (old === name || !place) continue
      const why = kind === 'group' ? because(old) : '; variables that mention it are unchanged'
      inventory.remark(place, old, `the ${kind} is called ${name} in fmc${why}`)
    }
  return { hosts, groups }
}

function checkMapped(groups: ReadonlyMap<string, string>, map: ReadonlyMap<string, string>): void {
  for (const [old, wanted] of map) {
    if (!groups.has(old)) continue
    if (!GROUP_NAME.test(wanted) || wanted === 'all' || wanted === 'ungrouped')
      throw new UsageError(`--map ${old}=${wanted}: expected a group name: letters, digits and _`)
    const [other] = [...groups].find(([name, got]) => name !== old && got === wanted) ?? []
    if (other !== undefined || groups.get(old) !== wanted)
      throw new UsageError(
        `--map ${old}=${wanted}: the group ${other ?? [...map].find(([n, w]) => w === wanted && n !== old)?.[0] ?? wanted} gets that name, too`,
        { hint: 'map one of them, and give the other one a name of its own' },
      )
  }
}

function renamed(
  names: Iterable<string>,
  rename: (name: string) => string,
  separator: string,
): Map<string, string> {
  const all = [...names]
  const result = new Map<string, string>()
  // No other name may become one that stays as it is.
  const used = new Set(all.filter(name => rename(name) === name))
  for (const name of all) {
    const wanted = rename(name)
    let free = wanted
    for (let n = 2; free !== name && used.has(free); n++) free = `${wanted}${separator}${n}`
    used.add(free)
    result.set(name, free)
  }
  return result
}

/** 10.0.0.7 and ops@10.0.0.7 → ip-10-0-0-7; web1.example.com → web1 where no other host is a web1. */
function hostName(name: string, alone: boolean): string {
  if (HOST_NAME.test(name) && !/^\d+$/.test(name)) return name
  const address = name.slice(name.indexOf('@') + 1)
  if (parseIpv4(address) !== undefined) return `ip-${address.replaceAll('.', '-')}`
  const base = address.includes(':')
    ? `ip-${address}`
    : alone
      ? (address.split('.')[0] ?? '')
      : address
  const safe = base
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 60)
    .replace(/^-+|-+$/g, '')
  return safe === '' || /^\d+$/.test(safe) ? `host-${safe}`.replace(/-$/, '') : safe
}

/** The domain shared by all hosts with dots in their names, if there is one. */
export function commonDomain(inventory: AnsibleInventory): string | undefined {
  const domains = [...inventory.hosts.keys()]
    .filter(name => /^[^.:@]+(\.[a-z0-9-]*[a-z][a-z0-9-]*){2,}$/i.test(name))
    .map(name => name.slice(name.indexOf('.') + 1).toLowerCase())
  return new Set(domains).size === 1 ? domains[0] : undefined
}

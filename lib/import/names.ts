import { parseIpv4 } from '../inventory/net.ts'
import type { AnsibleInventory } from './model.ts'

const HOST_NAME = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/

/** Ansible's names of hosts and groups → fmc's. Each changed name has a remark. */
export interface Names {
  readonly hosts: ReadonlyMap<string, string>
  /** Without all and ungrouped. */
  readonly groups: ReadonlyMap<string, string>
}

export function fmcNames(inventory: AnsibleInventory): Names {
  const label = (name: string): string => name.split('.')[0] ?? name
  const labels = new Map<string, number>()
  for (const name of inventory.hosts.keys())
    labels.set(label(name), (labels.get(label(name)) ?? 0) + 1)
  const alone = (name: string): boolean => labels.get(label(name)) === 1
  const hosts = renamed(inventory.hosts.keys(), name => hostName(name, alone(name)), '-')
  const taken = new Set(hosts.values())
  const groups = renamed(
    [...inventory.groups.keys()].filter(name => name !== 'all' && name !== 'ungrouped'),
    name => {
      const safe = name.replace(/[^A-Za-z0-9_]/g, '_').replace(/^(?=\d)/, '_')
      return taken.has(safe) ? `${safe}_group` : safe
    },
    '_',
  )
  for (const [kind, names, all] of [
    ['host', hosts, inventory.hosts],
    ['group', groups, inventory.groups],
  ] as const)
    for (const [old, name] of names) {
      const place = all.get(old)
      if (old !== name && place)
        inventory.remark(
          place,
          old,
          `the ${kind} is called ${name} in fmc; variables that mention it are unchanged`,
        )
    }
  return { hosts, groups }
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

/** 10.0.0.7 → ip-10-0-0-7; web1.example.com → web1 where no other host is a web1. */
function hostName(name: string, alone: boolean): string {
  if (HOST_NAME.test(name) && !/^\d+$/.test(name)) return name
  if (parseIpv4(name) !== undefined) return `ip-${name.replaceAll('.', '-')}`
  const base = name.includes(':') ? `ip-${name}` : alone ? (name.split('.')[0] ?? name) : name
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
    .filter(name => /^[^.:]+(\.[a-z0-9-]*[a-z][a-z0-9-]*){2,}$/i.test(name))
    .map(name => name.slice(name.indexOf('.') + 1).toLowerCase())
  return new Set(domains).size === 1 ? domains[0] : undefined
}

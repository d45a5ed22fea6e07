import { TaskError, type Host, type Inventory, type Network, type Vip } from '../../../lib/index.ts'
import type { DnsVars } from './vars.ts'

/** One resource record. Its name is absolute, without the final dot. */
export interface Rr {
  readonly name: string
  readonly type: string
  readonly value: string
  readonly ttl?: number | undefined
}

/** A zone and everything in it. */
export interface Zone {
  readonly name: string
  /** Absolute name of the primary server. */
  readonly primary: string
  readonly records: readonly Rr[]
}

/** A name of the cloud, and its address. */
export interface Named {
  readonly name: string
  readonly address: string
  /** What has the name, for errors: `host master1`. */
  readonly what: string
}

/** The part of the inventory that zones are made from. */
export interface Cloud {
  readonly domain: string
  readonly hosts: readonly Host[]
  readonly vips: readonly Vip[]
  readonly networks: readonly Network[]
  readonly nameservers: readonly Host[]
}

/** The cloud of an inventory, served by these hosts. */
export const cloudOf = (inventory: Inventory, nameservers: readonly Host[]): Cloud => ({
  domain: inventory.domain,
  hosts: [...inventory.hosts.values()],
  vips: [...inventory.vips.values()],
  networks: [...inventory.networks.values()],
  nameservers,
})

const label = (name: string): string => name.replaceAll('_', '-')

/**
 * The names of all hosts and VIPs, in the domain. A host's further NICs are HOST.NETWORK. Throws TaskError when two have
 * the same name.
 */
export function namesOf(
  cloud: Pick<Cloud, 'domain' | 'hosts' | 'vips'>,
  vipNames: DnsVars['dns_vip_names'],
): Named[] {
  const { domain } = cloud
  const unknown = Object.keys(vipNames).find(name => !cloud.vips.some(v => v.name === name))
  if (unknown !== undefined)
    throw new TaskError(`dns_vip_names: the inventory has no VIP ${unknown}`)
  const found = [
    ...cloud.hosts.flatMap(h =>
      h.nics.map((nic, i) => ({
        name: i === 0 ? `${h.name}.${domain}` : `${h.name}.${label(nic.network)}.${domain}`,
        address: nic.address,
        what: `host ${h.name}`,
      })),
    ),
    ...cloud.vips.map(v => ({
      name: `${vipNames[v.name] ?? label(v.name)}.${domain}`,
      address: v.address,
      what: `VIP ${v.name}`,
    })),
  ]
  const seen = new Map<string, Named>()
  for (const one of found) {
    const other = seen.get(one.name)
    if (other)
      throw new TaskError(`the ${other.what} and the ${one.what} have the same name: ${one.name}`, {
        hint: 'rename one of them, or name the VIP in dns_vip_names',
      })
    seen.set(one.name, one)
  }
  return found
}

/** `10.17.3.11` → `11.3.17.10.in-addr.arpa` */
const reverseName = (address: string): string =>
  `${address.split('.').reverse().join('.')}.in-addr.arpa`

/**
 * The reverse zones that cover a network. They end at octet boundaries: one for a /8, /16 or /24, several for sizes
 * between these, and the surrounding /24 for a smaller network.
 */
export function reverseZones(cidr: string): string[] {
  const [address = '', bits = ''] = cidr.split('/')
  const octets = Math.max(1, Math.min(3, Math.ceil(Number(bits) / 8)))
  const head = address.split('.').slice(0, octets).map(Number)
  const count = 2 ** Math.max(0, octets * 8 - Number(bits))
  return Array.from({ length: count }, (_, i) => {
    const own = [...head.slice(0, -1), (head.at(-1) ?? 0) + i]
    return `${own.reverse().join('.')}.in-addr.arpa`
  })
}

/** The forward zone and the reverse zones, with all hosts, VIPs and `dns_records`. Throws TaskError for clashes. */
export function zonesOf(
  cloud: Cloud,
  vars: Pick<DnsVars, 'dns_vip_names' | 'dns_records'>,
): Zone[] {
  const names = namesOf(cloud, vars.dns_vip_names)
  const servers = cloud.nameservers.map(h => `${h.name}.${cloud.domain}`)
  const primary = servers[0]
  if (primary === undefined) throw new TaskError('dns_nameservers names no host')
  const zone = (name: string, records: readonly Rr[]): Zone => ({
    name,
    primary,
    records: [...servers.map(s => ({ name, type: 'NS', value: `${s}.` })), ...records],
  })
  const forward = zone(cloud.domain, [
    ...names.map(n => ({ name: n.name, type: 'A', value: n.address })),
    ...extraRecords(cloud.domain, names, vars.dns_records),
  ])
  const reverse = [...new Set(cloud.networks.flatMap(n => reverseZones(n.cidr)))].sort()
  const pointers = names.map(n => ({
    name: reverseName(n.address),
    type: 'PTR',
    value: `${n.name}.`,
  }))
  const homeOf = (name: string): string | undefined =>
    reverse.filter(z => name.endsWith(`.${z}`)).sort((a, b) => b.length - a.length)[0]
  return [
    forward,
    ...reverse.map(z =>
      zone(
        z,
        pointers.filter(p => homeOf(p.name) === z),
      ),
    ),
  ]
}

function extraRecords(
  domain: string,
  names: readonly Named[],
  records: DnsVars['dns_records'],
): Rr[] {
  const found = records.map(r => ({ ...r, name: r.name === '@' ? domain : `${r.name}.${domain}` }))
  for (const one of found) {
    const taken = names.find(n => n.name === one.name)
    if (taken && (one.type === 'A' || one.type === 'CNAME'))
      throw new TaskError(`dns_records: ${one.name} is already the ${taken.what}`)
    const others = found.filter(o => o !== one && o.name === one.name)
    if (one.type === 'CNAME' && (one.name === domain || others.length > 0))
      throw new TaskError(`dns_records: ${one.name} cannot be a CNAME and have other records too`)
  }
  return found.map(r => ({ ...r, value: r.type === 'TXT' ? txt(r.value) : r.value }))
}

/** A TXT value in strings of at most 255 characters (RFC 1035, 3.3.14). */
const txt = (value: string): string =>
  (value.match(/.{1,255}/g) ?? ['']).map(part => `"${part.replace(/["\\]/g, '\\$&')}"`).join(' ')

import { TaskError } from '../errors.ts'
import { suggestion } from '../text/nearest.ts'
import { contains, formatIpv4, parseCidr, parseIpv4, type Block } from '../inventory/net.ts'
import { matchHosts } from '../inventory/patterns.ts'
import type { Host, Inventory } from '../inventory/types.ts'

/** Source or destination of a rule: any address, those in these blocks, or those in none of them. */
export type Side =
  { readonly is: 'any' } | { readonly is: 'in' | 'out'; readonly blocks: readonly Block[] }

export const address = (text: string): Block => {
  const value = parseIpv4(text) ?? 0
  return { base: value, last: value, prefix: 32 }
}

function block(cidr: string): Block {
  const parsed = parseCidr(cidr)
  if (typeof parsed === 'string') throw new TaskError(`${cidr} ${parsed}`)
  return parsed
}

/** The addresses by which every machine reaches itself only (RFC 1122, 3.2.1.3). */
export const LOOPBACK = block('127.0.0.0/8')

/**
 * Does a machine reach itself by this address or name: 127.0.0.0/8, ::1 (RFC 4291, 2.5.3) or localhost (RFC 6761, 6.3)?
 *
 * @example
 * const runsHere = isLoopback(host().address)
 */
export const isLoopback = (text: string): boolean => {
  const value = parseIpv4(text)
  return value === undefined ? /^(localhost|::1)$/i.test(text) : contains(LOOPBACK, value)
}

/** The addresses that a host itself has: its own and the gateways that it holds. A VIP may be on another balancer. */
export const fixedAddresses = (inventory: Inventory, host: Host): readonly string[] => [
  ...ownAddresses(host),
  ...gateways(inventory, host),
]

/** The addresses of its NICs, and the one that fmc connects to: a VPS has a public address in no network of the inventory. */
const ownAddresses = (host: Host): readonly string[] => [
  ...new Set([
    ...host.nics.map(n => n.address),
    ...(parseIpv4(host.address) === undefined || isLoopback(host.address) ? [] : [host.address]),
  ]),
]

/** All addresses that a host may answer on: its own, the gateways that it holds, and the VIPs that it balances. */
export const addressesOf = (inventory: Inventory, host: Host): readonly string[] => [
  ...new Set([
    ...ownAddresses(host),
    ...[...inventory.networks.values()].flatMap(n =>
      n.router === host.name && n.gateway !== undefined ? [n.gateway] : [],
    ),
    ...[...inventory.vips.values()].flatMap(v =>
      matchHosts(inventory, v.balancers).some(b => b.name === host.name) ? [v.address] : [],
    ),
  ]),
]

/** All networks of the inventory. */
export const inside = (inventory: Inventory): readonly Block[] =>
  [...inventory.networks.values()].map(n => block(n.cidr))

/**
 * A network, group, host or VIP by name, `wan` (all addresses outside the inventory's networks), `any`, an address or a
 * CIDR block. Throws TaskError.
 */
export function endpoint(inventory: Inventory, name: string): Side {
  if (name === 'any') return { is: 'any' }
  if (name === 'wan') return { is: 'out', blocks: inside(inventory) }
  const found = meanings(inventory, name)
  const [first, second] = found
  if (first && second)
    throw new TaskError(`${name} is the name of two things (${first.kind}, ${second.kind})`, {
      hint: 'rename one of them in the inventory',
    })
  if (first) return { is: 'in', blocks: first.blocks }
  if (/^[\d./]+$/.test(name))
    return { is: 'in', blocks: [block(name.includes('/') ? name : `${name}/32`)] }
  throw new TaskError(`no network, group, host or VIP is called ${name}`, {
    hint: suggestion(name, [
      ...inventory.networks.keys(),
      ...inventory.groups.keys(),
      ...inventory.hosts.keys(),
      ...inventory.vips.keys(),
      'wan',
      'any',
    ]),
  })
}

function meanings(inventory: Inventory, name: string): { kind: string; blocks: Block[] }[] {
  const network = inventory.networks.get(name)
  const members = inventory.groups.get(name)
  const host = inventory.hosts.get(name)
  const vip = inventory.vips.get(name)
  const own = (h: Host | undefined): Block[] => (h ? fixedAddresses(inventory, h).map(address) : [])
  return [
    ...(network ? [{ kind: 'network', blocks: [block(network.cidr)] }] : []),
    ...(members
      ? [{ kind: 'group', blocks: members.flatMap(m => own(inventory.hosts.get(m))) }]
      : []),
    ...(host ? [{ kind: 'host', blocks: own(host) }] : []),
    ...(vip ? [{ kind: 'VIP', blocks: [address(vip.address)] }] : []),
  ]
}

const gateways = (inventory: Inventory, host: Host): string[] =>
  [...inventory.networks.values()].flatMap(n =>
    n.router === host.name &&
    n.gateway !== undefined &&
    host.nics.every(c => c.address !== n.gateway)
      ? [n.gateway]
      : [],
  )

/** Several sides as few as possible: all that are "in" become one. */
export function sides(list: readonly Side[]): readonly Side[] {
  if (list.some(s => s.is === 'any')) return [{ is: 'any' }]
  const blocks = list.flatMap(s => (s.is === 'in' ? s.blocks : []))
  return [
    ...(blocks.length > 0 ? [{ is: 'in' as const, blocks: disjoint(blocks) }] : []),
    ...list.filter(s => s.is === 'out'),
  ]
}

/** Sorted, without blocks inside others: the elements of an nft set may not overlap. */
export const disjoint = (blocks: readonly Block[]): Block[] => {
  const sorted = blocks.toSorted((a, b) => a.base - b.base || b.last - a.last)
  return sorted.filter(
    (b, i) => !sorted.some((o, k) => k < i && o.base <= b.base && b.last <= o.last),
  )
}

export const showBlock = (b: Block): string =>
  b.prefix === 32 ? formatIpv4(b.base) : `${formatIpv4(b.base)}/${b.prefix}`

/** Does a side contain an address? */
export const isOf = (side: Side, value: number): boolean =>
  side.is === 'any' ||
  side.blocks.some(b => value >= b.base && value <= b.last) === (side.is === 'in')

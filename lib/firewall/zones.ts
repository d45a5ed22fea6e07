import { parseCidr, type Block } from '../inventory/net.ts'
import type { Inventory } from '../inventory/types.ts'
import { disjoint, inside, type Side } from './endpoint.ts'

/** The name of all that is in no network of the inventory. */
export const WAN = 'wan'

/** The part of one side of a flow that is in one network, or outside all of them. */
export interface Zone {
  /** Name of a network, or `wan`. */
  readonly zone: string
  readonly side: Side
}

const blockOf = (cidr: string): Block => {
  const block = parseCidr(cidr)
  return typeof block === 'string' ? { base: 0, last: -1, prefix: 32 } : block
}

const within = (a: Block, b: Block): boolean => a.base >= b.base && a.last <= b.last

/** What two blocks share: as CIDR blocks never overlap halfway, the smaller one. */
const shared = (a: Block, b: Block): Block[] => (within(a, b) ? [a] : within(b, a) ? [b] : [])

/**
 * Cuts the sides of a flow at the borders of the networks. `any` is every network and the outside. A block that reaches
 * beyond the networks counts as the outside too.
 *
 * @example
 * // with lan 192.168.0.0/24 and k3s 10.17.4.0/24
 * zonesOf(inventory, [endpoint(inventory, '10.0.0.0/8')]) // k3s: 10.17.4.0/24; wan: 10.0.0.0/8
 */
export function zonesOf(inventory: Inventory, sides: readonly Side[]): Zone[] {
  const isAny = sides.some(s => s.is === 'any')
  const blocks = sides.flatMap(s => (s.is === 'in' ? s.blocks : []))
  const networks = [...inventory.networks.values()].flatMap((n): Zone[] => {
    const all = blockOf(n.cidr)
    const own = isAny ? [all] : disjoint(blocks.flatMap(b => shared(b, all)))
    return own.length === 0 ? [] : [{ zone: n.name, side: { is: 'in', blocks: own } }]
  })
  const outside = inside(inventory)
  const beyond = blocks.filter(b => !outside.some(n => within(b, n)))
  const isWan = isAny || sides.some(s => s.is === 'out')
  return [
    ...networks,
    ...(isWan ? [{ zone: WAN, side: { is: 'out' as const, blocks: disjoint(outside) } }] : []),
    ...(!isWan && beyond.length > 0
      ? [{ zone: WAN, side: { is: 'in' as const, blocks: disjoint(beyond) } }]
      : []),
  ]
}

import { parseIpv4 } from '../inventory/net.ts'
import type { Inventory } from '../inventory/types.ts'
import { showBlock } from './endpoint.ts'
import type { HostFirewall, OuterForward, OuterRule } from './outer.ts'
import type { Ways } from './ways.ts'

const PRIVATE = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16'] as const

/** Addresses of RFC 1918 cannot be reached from the Internet: the outer firewall forwards ports of its own address to them. */
export function forwardsOf(inbound: readonly OuterRule[], remarks: string[]): OuterForward[] {
  return inbound.flatMap(({ to, match, why, of }): OuterForward[] => {
    if (to.is !== 'in' || !to.blocks.every(isPrivate)) return []
    const [only] = to.blocks
    if (match === 'any' || to.blocks.length !== 1 || only?.prefix !== 32) {
      remarks.push(
        `from the Internet, a port can be forwarded to one address only, and every port to none: "${why}" is for ${match === 'any' ? 'all ports of ' : ''}${to.blocks.map(showBlock).join(', ')}`,
      )
      return []
    }
    return match.map(ports => ({ ports, to: showBlock(only), why, of }))
  })
}

const isPrivate = (b: { readonly base: number }): boolean =>
  PRIVATE.some(cidr => {
    const [base = '', bits] = cidr.split('/')
    const size = 2 ** (32 - Number(bits))
    return Math.floor(b.base / size) === Math.floor((parseIpv4(base) ?? 0) / size)
  })

/** A host in mode host_dnat forwards ports inwards itself: they have to reach it. */
export const hostForwards = (
  inventory: Inventory,
  firewalls: ReadonlyMap<string, HostFirewall>,
  ways: Ways,
): OuterForward[] =>
  [...firewalls].flatMap(([name, { firewall, rules }]) => {
    const nic = inventory.hosts
      .get(name)
      ?.nics.find(({ network }) => ways.get(network)?.by === network)
    return firewall.firewall_mode !== 'host_dnat' || nic === undefined
      ? []
      : rules.redirects.map(({ ports, why }) => ({
          ports,
          to: nic.address,
          why: `${why}; ${name} forwards it on`,
          of: undefined,
        }))
  })

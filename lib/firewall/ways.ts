import { formatIpv4 } from '../inventory/net.ts'
import type { Host, Inventory, Network } from '../inventory/types.ts'
import { fixedAddresses } from './endpoint.ts'
import { WAN, type Zone } from './zones.ts'

/** Devices in the VPN that are no hosts of the inventory, with the networks behind them (wireguard_peers). */
export interface VpnPeer {
  readonly vpn: string
  readonly name: string
  readonly address: string
  readonly networks: readonly string[]
}

/** The networks whose gateway is a device outside the inventory. */
export const outerNetworks = ({ networks }: Inventory): Network[] =>
  [...networks.values()].filter(
    n => n.gateway !== undefined && n.router === undefined && n.mode === 'bridge',
  )

/** How the packets of a network reach the outer firewall. */
interface Way {
  /** Its interface: the network of one of its gateways, or a VPN that it is in itself. */
  readonly by: string
  /** The host in that network that they come from; undefined: each from itself. */
  readonly router: Host | undefined
  /** Set for a VPN. `home`: its hub is behind the outer firewall, else somewhere else. */
  readonly vpn?: 'home' | 'away'
  readonly peer?: VpnPeer
}

/** The ways of the networks; one without never leads to the outer firewall. */
export type Ways = ReadonlyMap<string, Way>

/** Follows the gateways of the inventory. */
export function waysOf(inventory: Inventory, peers: readonly VpnPeer[]): Ways {
  const outer = new Set(outerNetworks(inventory).map(n => n.name))
  const networkOf = (name: string): Network | undefined => inventory.networks.get(name)
  const isAway = (host: Host | undefined): boolean =>
    host?.nics.every(nic => networkOf(nic.network)?.mode === 'wireguard') === true
  const wayOf = (n: Network, seen: readonly string[]): Way | undefined => {
    if (outer.has(n.name)) return { by: n.name, router: undefined }
    const hub = inventory.hosts.get(n.router ?? '')
    const peer = peers.find(p => p.vpn === n.name && p.networks.some(name => outer.has(name)))
    if (peer && isAway(hub)) return { by: n.name, router: undefined, vpn: 'away', peer }
    // A hub that is away: a host at home leads its packets in.
    const routers = isAway(hub)
      ? [...inventory.hosts.values()].filter(
          h => h.nics.some(nic => nic.network === n.name) && !isAway(h),
        )
      : [hub]
    const vpn = n.mode === 'wireguard' ? ({ vpn: isAway(hub) ? 'away' : 'home' } as const) : {}
    for (const router of routers)
      for (const nic of router?.nics ?? []) {
        const next = networkOf(nic.network)
        if (!next || next === n || next.mode === 'wireguard' || seen.includes(next.name)) continue
        const way = wayOf(next, [...seen, n.name])
        if (way) return { by: way.by, router: way.router ?? router, ...vpn }
      }
    return undefined
  }
  return new Map(
    [...inventory.networks.values()].flatMap((n): [string, Way][] => {
      const way = wayOf(n, [n.name])
      return way ? [[n.name, way]] : []
    }),
  )
}

/** The interfaces by which a connection comes in and leaves; undefined: it does not pass the outer firewall. */
export function crossing(
  ways: Ways,
  from: string,
  to: string,
): { readonly in: string; readonly out: string } | undefined {
  if (from === to) return undefined
  const [source, target] = [ways.get(from), ways.get(to)]
  // Addresses of a VPN are reached through its tunnel only, and a hub that is away has a way out of its own.
  if (from === WAN) return target && !target.vpn ? { in: WAN, out: target.by } : undefined
  if (to === WAN) return source && source.vpn !== 'away' ? { in: source.by, out: WAN } : undefined
  if (!source || !target) return undefined
  // The router of the source delivers to its own networks.
  const isDelivered =
    source.router !== undefined && (target.router === source.router || source.by === to)
  return isDelivered ? undefined : { in: source.by, out: target.by }
}

/**
 * A target without the addresses that a host has besides the one in the outer firewall's own network: others reach it by that.
 * Undefined: nothing is left.
 */
export function nearest(inventory: Inventory, ways: Ways, { zone, side }: Zone): Zone | undefined {
  const by = ways.get(zone)?.by
  if (side.is !== 'in' || by === undefined || by === zone) return { zone, side }
  const further = new Set(
    [...inventory.hosts.values()]
      .filter(h => h.nics.some(nic => nic.network === by))
      .flatMap(h => fixedAddresses(inventory, h)),
  )
  const blocks = side.blocks.filter(b => b.prefix < 32 || !further.has(formatIpv4(b.base)))
  return blocks.length === 0 ? undefined : { zone, side: { is: 'in', blocks } }
}

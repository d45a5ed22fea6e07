/**
 * What a firewall outside the inventory has to let through: the router that holds the gateways which no host of the
 * inventory holds. Pure.
 */
import { TaskError } from '../errors.ts'
import { parseIpv4 } from '../inventory/net.ts'
import type { Inventory } from '../inventory/types.ts'
import { address, endpoint, type Side } from './endpoint.ts'
import { merged } from './merge.ts'
import { forwardsOf, hostForwards } from './port-forwards.ts'
import { portsOf } from './rules.ts'
import type { Firewall, Ports, Rule, RuleSet } from './types.ts'
import { crossing, nearest, outerNetworks, waysOf, type VpnPeer, type Ways } from './ways.ts'
import { WAN, zonesOf, type Zone } from './zones.ts'

export type { VpnPeer } from './ways.ts'

/** A host's firewall, as the inventory declares it, and the rules that follow from it. */
export interface HostFirewall {
  readonly firewall: Firewall
  readonly rules: RuleSet
}

/** A rule for new connections that come in by an interface. The first that fits decides; without one they are blocked. */
export interface OuterRule {
  readonly action: 'pass' | 'block'
  /** Name of a network, or `wan`. */
  readonly interface: string
  readonly from: Side
  readonly to: Side
  readonly match: 'any' | readonly Ports[]
  /** They leave by the interface that they came by: answers may take another way. */
  readonly hairpin: boolean
  readonly why: string
  /** The host that declares the flow, and its position in `firewall_flows`; undefined: it follows from fmc's own rules. */
  readonly of: { readonly host: string; readonly flow: number } | undefined
}

/** A port of the WAN's address that is sent on to an address inside. */
export interface OuterForward {
  readonly ports: Ports
  readonly to: string
  readonly why: string
  readonly of: OuterRule['of']
}

/** All that an external firewall needs. */
export interface Outer {
  /** Its addresses inside, by network. */
  readonly gateways: readonly { readonly network: string; readonly address: string }[]
  readonly routes: readonly {
    readonly to: string
    readonly via: string
    readonly host: string
    readonly network: string
  }[]
  readonly forwards: readonly OuterForward[]
  readonly rules: readonly OuterRule[]
  /** What it needs besides, or what cannot be done, a sentence each. */
  readonly remarks: readonly string[]
}

/**
 * The rules, port forwards and routes of the firewall that holds the gateways which no host of the inventory holds. Throws
 * TaskError if there is no such gateway.
 *
 * @param firewalls - by host
 * @param peers - of the VPNs
 */
export function outerFirewall(
  inventory: Inventory,
  firewalls: ReadonlyMap<string, HostFirewall>,
  peers: readonly VpnPeer[] = [],
): Outer {
  const gateways = outerNetworks(inventory).map(n => ({
    network: n.name,
    address: n.gateway ?? '',
  }))
  if (gateways.length === 0)
    throw new TaskError(
      'a host of the inventory holds the gateway of every network: no other firewall is between them',
      {
        hint: 'fmc firewall explain wan HOST PORT   # says what the hosts themselves let through',
      },
    )
  const ways = waysOf(inventory, peers)
  const remarks: string[] = []
  const rules = [...firewalls].flatMap(([host, { firewall }]) =>
    firewall.firewall_flows.flatMap((flow, i) => {
      const sides = (names: string | readonly string[]): Zone[] =>
        zonesOf(
          inventory,
          [names].flat().map(name => endpoint(inventory, name)),
        )
      const match = flow.ports.includes('any') ? ('any' as const) : flow.ports.map(portsOf)
      const why =
        flow.comment ?? `${[flow.from].flat().join(', ')} → ${[flow.to].flat().join(', ')}`
      return sides(flow.from)
        .flatMap(zone => sourceOf(inventory, zone))
        .flatMap(from =>
          sides(flow.to).flatMap((whole): OuterRule[] => {
            const to = nearest(inventory, ways, whole)
            if (to === undefined) return []
            const cross = crossing(ways, from.zone, to.zone)
            if (cross === undefined) return []
            const source = translated(inventory, firewalls, from, cross.in)
            return [
              {
                action: 'pass',
                interface: cross.in,
                from: source,
                to: to.side,
                match,
                hairpin: cross.in === cross.out,
                why,
                of: { host, flow: i },
              },
            ]
          }),
        )
    }),
  )
  const own = hostForwards(inventory, firewalls, ways)
  const passes = merged([...rules, ...own.map(passFor)])
  const inbound = passes.filter(r => r.interface === WAN)
  const ofFlows = inbound.filter(r => r.of !== undefined)
  const forwards = [...forwardsOf(ofFlows, remarks), ...own]
  return {
    gateways,
    routes: routesOf(inventory, ways),
    forwards,
    rules: [...(inbound.length > 0 ? blocks(firewalls) : []), ...passes],
    remarks: [...remarks, ...tunnels(ways, peers)],
  }
}

/** From the Internet, a host that is in a VPN comes by its tunnel, and not by its public address. */
function sourceOf(inventory: Inventory, { zone, side }: Zone): Zone[] {
  if (zone !== WAN) return [{ zone, side }]
  if (side.is !== 'in') return [{ zone, side: { is: 'any' } }]
  const tunnelled = [...inventory.hosts.values()]
    .filter(h => h.nics.some(nic => inventory.networks.get(nic.network)?.mode === 'wireguard'))
    .map(h => parseIpv4(h.address))
  const blocks = side.blocks.filter(b => b.prefix < 32 || !tunnelled.includes(b.base))
  return blocks.length === 0 ? [] : [{ zone, side: { is: 'in', blocks } }]
}

const passFor = ({ ports, to, why }: OuterForward): OuterRule => ({
  action: 'pass',
  interface: WAN,
  from: { is: 'any' },
  to: { is: 'in', blocks: [address(to)] },
  match: [ports],
  hairpin: false,
  why,
  of: undefined,
})

/** A router that masquerades gives what leaves its networks its own address. */
function translated(
  inventory: Inventory,
  firewalls: ReadonlyMap<string, HostFirewall>,
  { zone, side }: Zone,
  by: string,
): Side {
  const host = inventory.hosts.get(inventory.networks.get(zone)?.router ?? '')
  const masquerade = firewalls.get(host?.name ?? '')?.rules.masquerade ?? []
  const own = host?.nics.find(nic => nic.network === by)?.address
  if (side.is !== 'in' || own === undefined) return side
  const isMasked = side.blocks.every(b =>
    masquerade.some(m => m.base <= b.base && b.last <= m.last),
  )
  return isMasked ? endpoint(inventory, own) : side
}

/** What fmc's own rules deny to the outside whatever the flows allow: the K3s API. */
const blocks = (firewalls: ReadonlyMap<string, HostFirewall>): OuterRule[] =>
  merged(
    [...firewalls.values()].flatMap(({ rules }) =>
      rules.rules
        .filter(
          (r): r is Rule & { match: readonly Ports[] } =>
            r.verdict === 'drop' && r.chain === 'forward' && typeof r.match !== 'string',
        )
        .map(({ to, match, why }): OuterRule => ({
          action: 'block',
          interface: WAN,
          from: { is: 'any' },
          to,
          match,
          hairpin: false,
          why,
          of: undefined,
        })),
    ),
  )

const routesOf = (inventory: Inventory, ways: Ways): Outer['routes'] =>
  [...ways].flatMap(([network, { by, router }]) => {
    const via = router?.nics.find(nic => nic.network === by)?.address
    const to = inventory.networks.get(network)?.cidr
    return router === undefined || via === undefined || to === undefined
      ? []
      : [{ to, via, host: router.name, network }]
  })

const tunnels = (ways: Ways, peers: readonly VpnPeer[]): string[] =>
  peers
    .filter(p => ways.get(p.vpn)?.peer === p)
    .map(
      p =>
        `its tunnel into ${p.vpn} is the peer ${p.name} (${p.address}) of wireguard_peers; rules of the interface ${p.vpn} are for that tunnel`,
    )

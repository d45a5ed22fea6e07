import { UsageError } from '../../errors.ts'
import { bridgeMacOf, bridgeOf, macOf } from '../../inventory/devices.ts'
import type { Host, Inventory, Network, Nic } from '../../inventory/types.ts'
import { namesOf, serversOf, withInternet } from './internet.ts'
import { netnsName } from '../paths.ts'

/** A cable from a host into a network's bridge. */
export interface Link {
  readonly network: string
  /** Where the bridge is. */
  readonly switchNetns: string
  readonly bridge: string
  /** The bridge's end; at most 15 characters. */
  readonly port: string
  /** The host's end. */
  readonly device: string
  readonly mac: string
  /** With prefix length. */
  readonly addresses: readonly string[]
  /** Set on a router's cable into a network that it routes: the network's hosts find their gateway there. */
  readonly gateway?: undefined | { readonly bridge: string; readonly cidr: string }
  /** Set on the NIC that a role will put into the network's bridge. */
  readonly uplink?: true | undefined
}

/** Whether a router has the cable only because it routes the network: it has no other address there. */
export const isRouted = ({ gateway, addresses }: Link): boolean =>
  gateway !== undefined && addresses.length === 1

/** A host's place in the network. */
export interface HostPlan {
  readonly name: string
  readonly netns: string
  readonly links: readonly Link[]
  readonly routes: readonly Route[]
  /** It routes between networks. */
  readonly forwards: boolean
  /** Lines of /etc/hosts that replace the Internet's DNS. */
  readonly names: readonly string[]
}

export interface Route {
  /** `default` or a network in CIDR form. */
  readonly to: string
  readonly via: string
}

/** One network: a bridge in a namespace; `address` is the bridge's own. */
export interface SwitchPlan {
  readonly network: string
  readonly netns: string
  readonly bridge: string
  readonly address: string | undefined
}

/** What the hosts are plugged into. */
export interface Wiring {
  /** The namespace that fmc runs in: on the physical LAN, as its gateway. */
  readonly controllerNetns: string
  readonly switches: readonly SwitchPlan[]
  readonly controllerRoutes: readonly Route[]
}

export interface Topology extends Wiring {
  readonly hosts: readonly HostPlan[]
}

/**
 * The wiring of an inventory. Where a network's gateway is a device outside the inventory, its bridge is in the
 * controller's namespace and has the gateway's address. Every other network has a namespace of its own; its router has a
 * cable into it, with the gateway's address.
 */
export const topology = (declared: Inventory, key: string): Topology => {
  const inventory = withInternet(declared)
  const controllerNetns = netnsName(key, 'lan')
  const networks = cabled(inventory)
  const switches = networks.map((network, n) => switchPlan(network, n, key, controllerNetns))
  if (networks.length > 0 && switches.every(s => s.netns !== controllerNetns))
    throw new UsageError(
      'the lab needs a network whose router is not in the inventory: fmc runs in that network',
    )
  const routed = networks.flatMap(network => routeTo(inventory, network))
  return {
    controllerNetns,
    switches,
    controllerRoutes: routed.map(({ to, via }) => ({ to, via })),
    hosts: [...inventory.hosts.values()].map(host =>
      hostPlan(inventory, host, switches, routed, key),
    ),
  }
}

/** The networks with cables: a VPN has none, its hosts make it themselves. */
const cabled = (inventory: Inventory): Network[] =>
  [...inventory.networks.values()].filter(network => network.mode !== 'wireguard')

const switchPlan = (
  network: Network,
  n: number,
  key: string,
  controllerNetns: string,
): SwitchPlan => {
  const here = network.router === undefined
  return {
    network: network.name,
    netns: here ? controllerNetns : netnsName(key, `net.${network.name}`),
    bridge: `br${n}`,
    address: here ? (network.gateway ?? lastAddress(network)) + `/${network.prefix}` : undefined,
  }
}

/** The highest usable address: fmc's own in a network without a gateway. */
const lastAddress = (network: Network): string => {
  const base = network.cidr.split('/')[0] ?? ''
  const number = base.split('.').reduce((sum, part) => sum * 256 + Number(part), 0)
  const last = number + 2 ** (32 - network.prefix) - 2
  return [24, 16, 8, 0].map(shift => Math.floor(last / 2 ** shift) % 256).join('.')
}

/** How hosts outside a routed network reach it: through the router's address in a network without a router. */
const routeTo = (inventory: Inventory, network: Network): (Route & { from: string })[] => {
  if (network.router === undefined) return []
  const router = inventory.hosts.get(network.router)
  const uplink = router?.nics.find(nic => inventory.networks.get(nic.network)?.router === undefined)
  if (uplink === undefined)
    throw new UsageError(
      `the router of ${network.name} (${network.router}) has no address in a network without a router, so the lab cannot reach it`,
    )
  return [{ to: network.cidr, via: uplink.address, from: uplink.network }]
}

const hostPlan = (
  inventory: Inventory,
  host: Host,
  switches: readonly SwitchPlan[],
  routed: readonly (Route & { from: string })[],
  key: string,
): HostPlan => {
  const networks = cabled(inventory)
  const nics = host.nics.filter(nic => inventory.networks.get(nic.network)?.mode !== 'wireguard')
  const routes = networks.filter(n => n.router === host.name)
  const links: Link[] = []
  const connect = (link: Pick<Link, 'network' | 'mac' | 'addresses'> & Partial<Link>) => {
    const to = switches.find(s => s.network === link.network)
    if (to === undefined) throw new UsageError(`${host.name} is in unknown network ${link.network}`)
    const index = links.length
    if (links.some(other => other.network === link.network)) return
    links.push({
      device: `eth${index}`,
      ...link,
      switchNetns: to.netns,
      bridge: to.bridge,
      port: `p${host.index}.${index}`,
    })
  }
  for (const nic of nics) {
    const network = inventory.networks.get(nic.network)
    const own = routes.find(n => n.name === nic.network)
    const all = new Set([nic.address, ...(own?.gateway === undefined ? [] : [own.gateway])])
    connect({
      network: nic.network,
      mac: macOf(host, nic),
      addresses: [...all].map(a => `${a}/${network?.prefix ?? 24}`),
      ...(network && isUplink(nic, network) ? uplinkOf(host) : { device: nic.device }),
      ...(own && gatewayOf(own)),
    })
  }
  for (const network of routes)
    if (network.gateway !== undefined)
      connect({
        network: network.name,
        mac: bridgeMacOf(network),
        addresses: [`${network.gateway}/${network.prefix}`],
        ...gatewayOf(network),
      })
  return {
    name: host.name,
    netns: netnsName(key, host.name),
    links,
    routes: hostRoutes(inventory, { ...host, nics }, links, routed),
    forwards: routes.length > 0,
    names: [...namesOf(inventory), ...serversOf(inventory, host)],
  }
}

/** A host's routes: to routed networks through routers in its own networks, the default through its first gateway. */
const hostRoutes = (
  inventory: Inventory,
  host: Host,
  links: readonly Link[],
  routed: readonly (Route & { from: string })[],
): Route[] => {
  const result: Route[] = []
  for (const { to, via, from } of routed) {
    const direct = links.some(link => inventory.networks.get(link.network)?.cidr === to)
    if (!direct && links.some(link => link.network === from)) result.push({ to, via })
  }
  for (const nic of host.nics) {
    const gateway = inventory.networks.get(nic.network)?.gateway
    if (gateway === undefined || gateway === nic.address) continue
    if (inventory.networks.get(nic.network)?.router === host.name) continue
    result.push({ to: 'default', via: gateway })
    break
  }
  return result
}

/** Whether the inventory declares the NIC as the network's bridge: until a role makes that bridge, it is a plain NIC. */
const isUplink = (nic: Nic, network: Network): boolean =>
  network.mode === 'bridge' && nic.device === bridgeOf(network)

/** Such a NIC has the name in hypervisor_uplink, which the role looks for, else that of any NIC of the lab. */
const uplinkOf = ({ vars }: Host): Partial<Link> => {
  const name = vars['hypervisor_uplink']
  return { uplink: true, ...(typeof name === 'string' ? { device: name } : {}) }
}

const gatewayOf = (network: Network): Pick<Link, 'gateway'> => ({
  gateway: { bridge: bridgeOf(network), cidr: network.cidr },
})

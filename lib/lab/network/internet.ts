import { UsageError } from '../../errors.ts'
import { contains, formatIpv4, parseCidr, parseIpv4, type Block } from '../../inventory/net.ts'
import type { Host, Inventory, Network, Nic } from '../../inventory/types.ts'

/** Prefix length of a provider's network. */
const PREFIX = 24

/**
 * The inventory with networks of the Internet added: a host without a cable, such as a VPS whose only NIC is in the VPN,
 * gets a NIC with its public address (`ssh.host`) in a network of its provider, which the lab's LAN stands in for.
 * Throws UsageError for a host without an address.
 */
export function withInternet(inventory: Inventory): Inventory {
  const networks = new Map(inventory.networks)
  const hosts = new Map(inventory.hosts)
  for (const host of outside(inventory)) {
    const network = networkAround(networks, host)
    networks.set(network.name, network)
    const nic: Nic = {
      network: network.name,
      address: host.address,
      mac: undefined,
      device: 'eth0',
    }
    hosts.set(host.name, { ...host, nics: [nic, ...host.nics] })
  }
  return { ...inventory, networks, hosts }
}

/** Hosts without a cable: all their NICs are in a VPN. */
export const outside = ({ networks, hosts }: Pick<Inventory, 'networks' | 'hosts'>): Host[] =>
  [...hosts.values()].filter(h =>
    h.nics.every(nic => networks.get(nic.network)?.mode === 'wireguard'),
  )

/** Lines of /etc/hosts for the public names of VPN hubs: the lab has no DNS of the Internet. */
export const namesOf = ({ networks, hosts }: Pick<Inventory, 'networks' | 'hosts'>): string[] =>
  [...networks.values()].flatMap(({ endpoint, router }) => {
    const hub = hosts.get(router ?? '')
    if (endpoint === undefined || hub === undefined) return []
    return parseIpv4(endpoint) === undefined ? [`${hub.address} ${endpoint}`] : []
  })

/** Lines of /etc/hosts for what a client of FreeIPA must know by name: a lab's machine asks no DNS server by itself. */
export const serversOf = (
  { groups, hosts, domain }: Pick<Inventory, 'groups' | 'hosts' | 'domain'>,
  client: Host,
): string[] =>
  client.groups.includes('ipa_clients')
    ? (groups.get('ipa_servers') ?? []).flatMap(name => {
        const server = hosts.get(name)
        return server ? [`${server.address} ${name}.${domain}`] : []
      })
    : []

function networkAround(networks: ReadonlyMap<string, Network>, { name, address }: Host): Network {
  const value = parseIpv4(address)
  const own =
    value === undefined
      ? undefined
      : [...networks.values()].find(n => contains(parseCidr(n.cidr) as Block, value))
  if (value === undefined || own?.mode === 'wireguard')
    throw new UsageError(`the lab cannot place ${name}: it is in no network except the VPN`, {
      hint: 'give it its public IPv4 address: ssh: {host: 203.0.113.10}',
    })
  if (own) return own
  const size = 2 ** (32 - PREFIX)
  const base = value - (value % size)
  const cidr = `${formatIpv4(base)}/${PREFIX}`
  const last = base + size - 2
  return {
    name: `internet ${cidr}`,
    cidr,
    prefix: PREFIX,
    mode: 'bridge',
    gateway: formatIpv4(value === last ? last - 1 : last),
    bridge: undefined,
    router: undefined,
  }
}

import {
  contains,
  isHostAddress,
  overlaps,
  parseCidr,
  parseIpv4,
  TaskError,
  type Block,
  type Host,
  type Inventory,
  type Network,
  type Secret,
} from '../../lib/index.ts'
import { publicKeyOf } from './keys.ts'
import type { PeerVars, Vars } from './vars.ts'

/** Somebody whom this host lets into its tunnel. */
export interface Peer {
  readonly name: string
  /** The host of the inventory that has to be asked for its key. */
  readonly ask: { readonly host: Host; readonly device: string } | undefined
  readonly publicKey: string | undefined
  readonly presharedKey: Secret | undefined
  /** In the VPN. */
  readonly address: string
  /** CIDR blocks that are reached through it. */
  readonly allowed: readonly string[]
  readonly endpoint: string | undefined
  /** Seconds; 0: none. */
  readonly keepalive: number
  readonly alwaysOn: boolean
}

/** A host's end of the VPN. */
export interface Tunnel {
  readonly network: Network
  readonly isHub: boolean
  readonly device: string
  /** With prefix length. */
  readonly address: string
  readonly port: number | undefined
  readonly peers: readonly Peer[]
  /** Others are reached through this host. */
  readonly forwards: boolean
}

const nicIn = (host: Host, network: Network) => host.nics.find(n => n.network === network.name)

/** The VPN that a host is in; undefined: in none. Throws TaskError for a second one. */
export function vpnOf(inventory: Inventory, host: Host): Network | undefined {
  const [network, second] = [...inventory.networks.values()].filter(
    n => n.mode === 'wireguard' && (n.router === host.name || nicIn(host, n) !== undefined),
  )
  if (second)
    throw new TaskError(`${host.name} is in the VPNs ${network?.name} and ${second.name}`, {
      hint: 'the role wireguard makes one tunnel on a host',
    })
  return network
}

export const deviceOf = (host: Host, network: Network): string =>
  nicIn(host, network)?.device ?? 'wg0'

const routedBy = (inventory: Inventory, host: Host): Network[] =>
  [...inventory.networks.values()].filter(n => n.router === host.name && n.mode !== 'wireguard')

/** The blocks of networks given by name or CIDR. Throws TaskError. */
export function blocksOf(inventory: Inventory, names: readonly string[], whose: string): string[] {
  return names.map(name => {
    const cidr = inventory.networks.get(name)?.cidr ?? name
    const block = parseCidr(cidr)
    if (typeof block === 'string')
      throw new TaskError(
        `${whose}: ${name} is neither a network of the inventory nor a block: it ${block}`,
        { hint: `networks: ${[...inventory.networks.keys()].join(', ')}` },
      )
    if (block.prefix === 0)
      throw new TaskError(`${whose}: a host does not send everything through the VPN`)
    return cidr
  })
}

/** Everything that follows from the inventory and the role's variables. Throws TaskError; undefined: not in a VPN. */
export function tunnelOf(inventory: Inventory, host: Host, vars: Vars): Tunnel | undefined {
  const network = vpnOf(inventory, host)
  if (network === undefined) return undefined
  const hub = inventory.hosts.get(network.router ?? '')
  if (hub === undefined) throw new TaskError(`the VPN ${network.name} has no hub`)
  const isHub = hub.name === host.name
  const address = isHub ? network.gateway : nicIn(host, network)?.address
  const members = [...inventory.hosts.values()].filter(
    h => h.name !== host.name && (h === hub || nicIn(h, network) !== undefined),
  )
  const named = new Map(vars.wireguard_peers.map(p => [p.name, p]))
  if (named.size < vars.wireguard_peers.length || named.has(host.name))
    throw new TaskError('wireguard_peers: every peer is there once, and the host itself is none')
  const wanted = isHub ? members : [hub, ...members.filter(m => m !== hub && named.has(m.name))]
  const context = { inventory, network, host, hub, vars }
  const peers = [
    ...wanted.map(m => member(context, m, named.get(m.name))),
    ...[...named.values()]
      .filter(p => !members.some(m => m.name === p.name))
      .map(p => device(context, p)),
  ]
  checkBlocks(peers, network)
  return {
    network,
    isHub,
    device: deviceOf(host, network),
    address: `${address}/${network.prefix}`,
    port: vars.wireguard_port ?? (isHub ? network.port : undefined),
    peers,
    forwards: isHub || routedBy(inventory, host).length > 0,
  }
}

interface Context {
  readonly inventory: Inventory
  readonly network: Network
  readonly host: Host
  readonly hub: Host
  readonly vars: Vars
}

/** A host of the inventory as a peer. */
function member(context: Context, other: Host, own: PeerVars | undefined): Peer {
  const { inventory, network, host, hub, vars } = context
  const isHub = other === hub
  const address = (isHub ? network.gateway : nicIn(other, network)?.address) ?? ''
  const common = shared(context, own)
  if (own?.address !== undefined)
    throw new TaskError(`wireguard_peers: the inventory says the address of ${other.name}`)
  const behind = routedBy(inventory, other)
    .filter(n => nicIn(host, n) === undefined)
    .map(n => n.cidr)
  const allowed = isHub ? [network.cidr, ...throughHub(context)] : [`${address}/32`, ...behind]
  const peer = {
    name: other.name,
    ...common,
    ask:
      common.publicKey === undefined
        ? { host: other, device: deviceOf(other, network) }
        : undefined,
    address,
    allowed: [...new Set([...allowed, ...common.allowed])],
    endpoint: own?.endpoint ?? (isHub ? endpointOf(network, hub) : undefined),
    keepalive: own?.keepalive ?? (isHub ? vars.wireguard_keepalive : 0),
    alwaysOn: own?.always_on ?? true,
  }
  checkEndpoint(peer)
  return peer
}

/** Where a VPN's hub is found, HOST:PORT. */
export const endpointOf = (network: Network, hub: Host): string =>
  `${network.endpoint ?? hub.address}:${network.port}`

/** What a spoke sends to the hub besides the VPN itself. */
function throughHub({ inventory, host, network, vars }: Context): string[] {
  if (vars.wireguard_reaches !== undefined)
    return blocksOf(inventory, vars.wireguard_reaches, 'wireguard_reaches')
  return [...inventory.networks.values()]
    .filter(n => n.router !== undefined && n.router !== host.name && n !== network)
    .filter(n => nicIn(host, n) === undefined && n.mode !== 'wireguard')
    .map(n => n.cidr)
}

/** A device that is not in the inventory. */
function device(context: Context, own: PeerVars): Peer {
  const { network } = context
  const common = shared(context, own)
  const block = parseCidr(network.cidr) as Block
  const value = parseIpv4(own.address ?? '')
  if (own.address === undefined || common.publicKey === undefined)
    throw new TaskError(
      `wireguard_peers: ${own.name} needs ${own.address === undefined ? 'an address' : 'public_key or private_key'}: it is no host of the VPN ${network.name}`,
      {
        hint:
          own.address === undefined
            ? `an address of ${network.cidr}`
            : 'fmc wireguard client NAME --random makes both keys',
      },
    )
  if (value === undefined || !isHostAddress(block, value) || own.address === network.gateway)
    throw new TaskError(
      `wireguard_peers: ${own.name} cannot have the address ${own.address} in ${network.cidr}`,
    )
  return {
    name: own.name,
    ...common,
    ask: undefined,
    address: own.address,
    allowed: [`${own.address}/32`, ...common.allowed],
    endpoint: own.endpoint,
    keepalive: own.keepalive ?? 0,
    alwaysOn: own.always_on ?? false,
  }
}

const shared = ({ inventory }: Context, own: PeerVars | undefined) => ({
  publicKey: own?.private_key ? publicKeyOf(own.private_key) : own?.public_key,
  presharedKey: own?.preshared_key,
  allowed: blocksOf(inventory, own?.networks ?? [], `wireguard_peers: ${own?.name}`),
})

/** WireGuard gives a block that two peers claim to the last one and says nothing. */
function checkBlocks(peers: readonly Peer[], network: Network): void {
  const claims = peers.flatMap(p => p.allowed.map(cidr => ({ cidr, name: p.name })))
  for (const [i, a] of claims.entries()) {
    const b = claims.slice(0, i).find(c => c.cidr === a.cidr)
    if (b)
      throw new TaskError(
        a.name === b.name
          ? `wireguard_peers: ${a.cidr} is there twice for ${a.name}`
          : `wireguard_peers: ${a.cidr} would be reached through ${b.name} and through ${a.name}`,
      )
    const inside = parseCidr(network.cidr) as Block
    const own = parseCidr(a.cidr) as Block
    if (overlaps(own, inside) && own.prefix < inside.prefix)
      throw new TaskError(`wireguard_peers: ${a.cidr} of ${a.name} contains the VPN itself`)
  }
}

/** Packets to an endpoint must not go into the tunnel that ends there. */
function checkEndpoint({ name, endpoint, allowed }: Peer): void {
  const value = parseIpv4(endpoint?.split(':')[0] ?? '')
  const around = allowed.find(
    cidr => value !== undefined && contains(parseCidr(cidr) as Block, value),
  )
  if (around !== undefined)
    throw new TaskError(
      `${name} is found at ${endpoint}, and ${around} is to be reached through it: the tunnel would run through itself`,
      {
        hint: 'leave that network out of wireguard_reaches, or give the VPN an endpoint outside of it',
      },
    )
}

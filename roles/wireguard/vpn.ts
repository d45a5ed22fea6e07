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

/** A peer of this host's tunnel. */
export interface Peer {
  readonly name: string
  /** The host of the inventory to ask for its key; undefined: the key is declared. */
  readonly ask: { readonly host: Host; readonly device: string } | undefined
  readonly publicKey: string | undefined
  readonly presharedKey: Secret | undefined
  /** Its address in the VPN. */
  readonly address: string
  /** CIDR blocks that this host reaches through it. */
  readonly allowed: readonly string[]
  readonly endpoint: string | undefined
  /** Seconds; 0: none. */
  readonly keepalive: number
  /** The gate waits for its handshake. */
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
  /** This host passes packets on to others. */
  readonly forwards: boolean
}

const nicIn = (host: Host, network: Network) => host.nics.find(n => n.network === network.name)

/** The VPN that a host is in; undefined: in none. Throws TaskError for a second one. */
function vpnOf(inventory: Inventory, host: Host): Network | undefined {
  const [network, second] = [...inventory.networks.values()].filter(
    n => n.mode === 'wireguard' && (n.router === host.name || nicIn(host, n) !== undefined),
  )
  if (second)
    throw new TaskError(`${host.name} is in the VPNs ${network?.name} and ${second.name}`, {
      hint: 'the role wireguard makes one tunnel on a host',
    })
  return network
}

/** Name of the WireGuard device of a host in a VPN. */
export const deviceOf = (host: Host, network: Network): string =>
  nicIn(host, network)?.device ?? 'wg0'

const routedBy = (inventory: Inventory, host: Host): Network[] =>
  [...inventory.networks.values()].filter(n => n.router === host.name && n.mode !== 'wireguard')

/**
 * The CIDR blocks of networks given by name or block. `whose` begins the message of the TaskError for an unknown name or
 * for 0.0.0.0/0.
 */
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
      throw new TaskError(`${whose}: a host cannot send all its traffic through the VPN`)
    return cidr
  })
}

/**
 * A host's end of the VPN, from the inventory and the role's variables; undefined: the host is in no VPN. Throws TaskError
 * for declarations that contradict each other or cannot work.
 */
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
    throw new TaskError('wireguard_peers: a peer is listed twice, or the host lists itself')
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
    throw new TaskError(
      `wireguard_peers: remove the address of ${other.name}: its NIC in the inventory has it`,
    )
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

/** HOST:PORT at which a VPN's hub is reached from outside. */
export const endpointOf = (network: Network, hub: Host): string =>
  `${network.endpoint ?? hub.address}:${network.port}`

/** Blocks that a spoke reaches through the hub, besides the VPN itself. */
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
      `wireguard_peers: ${own.name} needs ${own.address === undefined ? 'an address' : 'public_key or private_key'}: it is not a host of the VPN ${network.name}`,
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

/** Throws TaskError for a block that two peers claim: WireGuard would silently give it to the last one. */
function checkBlocks(peers: readonly Peer[], network: Network): void {
  const claims = peers.flatMap(p => p.allowed.map(cidr => ({ cidr, name: p.name })))
  for (const [i, a] of claims.entries()) {
    const b = claims.slice(0, i).find(c => c.cidr === a.cidr)
    if (b)
      throw new TaskError(
        a.name === b.name
          ? `wireguard_peers: ${a.name} has ${a.cidr} twice`
          : `wireguard_peers: ${a.cidr} would be reached through ${b.name} and through ${a.name}`,
      )
    const inside = parseCidr(network.cidr) as Block
    const own = parseCidr(a.cidr) as Block
    if (overlaps(own, inside) && own.prefix < inside.prefix)
      throw new TaskError(`wireguard_peers: ${a.cidr} of ${a.name} contains the VPN itself`)
  }
}

/** Throws TaskError for an endpoint inside a block that is reached through it: its packets would go into the tunnel. */
function checkEndpoint({ name, endpoint, allowed }: Peer): void {
  const value = parseIpv4(endpoint?.split(':')[0] ?? '')
  const enclosing = allowed.find(
    cidr => value !== undefined && contains(parseCidr(cidr) as Block, value),
  )
  if (enclosing !== undefined)
    throw new TaskError(
      `${name} has the endpoint ${endpoint} in ${enclosing}, which is reached through ${name}: the tunnel would run through itself`,
      {
        hint: 'leave that network out of wireguard_reaches, or give the VPN an endpoint outside of it',
      },
    )
}

import {
  contains,
  formatIpv4,
  parseCidr,
  parseIpv4,
  secret,
  TaskError,
  type Block,
  type Host,
  type Inventory,
  type Network,
  type Secret,
} from '../../lib/index.ts'
import { newPrivateKey, oneWord, publicKeyOf } from './keys.ts'
import { vars as schema, type PeerVars, type Vars } from './vars.ts'
import { blocksOf, deviceOf, endpointOf } from './vpn.ts'

/** The device whose configuration is wanted. */
export interface ClientRequest {
  readonly inventory: Inventory
  readonly network: Network
  readonly hub: Host
  readonly name: string
  /** Make a new key instead of taking the one from the secrets. */
  readonly random: boolean
  /** Address of a device that the inventory does not have yet; default: its declared one, else the first free one. */
  readonly address: string | undefined
}

/** A device's end of the VPN. */
export interface Client {
  /** The device's configuration, for the hub's public key. */
  readonly config: (hubKey: string) => Secret
  /** The entry of wireguard_peers that lets the device in; undefined: the inventory already has it. */
  readonly declare: string | undefined
  /** The hub's WireGuard device. */
  readonly hubDevice: string
}

/**
 * A road warrior's end of the VPN, for `fmc wireguard client`. Throws TaskError for a host of the inventory, for a device
 * without a private key, and when the VPN has no free address.
 */
export default function client(request: ClientRequest): Client {
  const { inventory, hub, network, name, random } = request
  const vars = schema.parse(hub.vars)
  const own = vars.wireguard_peers.find(p => p.name === name)
  if (inventory.hosts.has(name))
    throw new TaskError(`${name} is a host of the inventory: the role wireguard sets it up`)
  const privateKey = random ? newPrivateKey(name) : own?.private_key
  if (privateKey === undefined)
    throw new TaskError(
      own === undefined
        ? `${name} is not in wireguard_peers of ${hub.name}`
        : `the private key of ${name} is on ${name} alone`,
      {
        hint: 'private_key: !secret … instead of public_key keeps it in the secrets; --random makes a new one',
      },
    )
  const address = request.address ?? own?.address ?? freeAddress(inventory, network, vars)
  const publicKey = publicKeyOf(privateKey)
  const known =
    own?.address === address &&
    (own.private_key ? publicKeyOf(own.private_key) : own.public_key) === publicKey
  return {
    hubDevice: deviceOf(hub, network),
    declare: known
      ? undefined
      : `- { name: ${name}, address: ${address}, public_key: ${publicKey} }`,
    config: hubKey =>
      clientConfig({
        address,
        privateKey,
        presharedKey: own?.preshared_key,
        dns: own?.dns.length ? [...own.dns, inventory.domain] : [],
        hubKey,
        endpoint: endpointOf(network, hub),
        allowed: reached(request, own),
        keepalive: own?.keepalive ?? 25,
      }),
  }
}

/** Blocks that a device reaches through the VPN: by default all networks of the inventory, except the one with the hub's endpoint. */
function reached({ inventory, network, hub }: ClientRequest, own: PeerVars | undefined): string[] {
  if (own?.reaches?.includes('all')) return ['0.0.0.0/0']
  const end = parseIpv4(network.endpoint ?? hub.address)
  const others =
    own?.reaches === undefined
      ? [...inventory.networks.values()]
          .filter(n => n.mode !== 'wireguard')
          .filter(n => end === undefined || !contains(parseCidr(n.cidr) as Block, end))
          .map(n => n.cidr)
      : blocksOf(inventory, own.reaches, `wireguard_peers: ${own.name}`)
  return [...new Set([network.cidr, ...others])]
}

/** The first address that neither the inventory nor a peer has. */
function freeAddress(inventory: Inventory, network: Network, vars: Vars): string {
  const taken = new Set([
    network.gateway,
    ...[...inventory.hosts.values()].flatMap(h => h.nics.map(n => n.address)),
    ...vars.wireguard_peers.map(p => p.address),
  ])
  const { base, last } = parseCidr(network.cidr) as Block
  for (let value = base + 1; value < last; value++)
    if (!taken.has(formatIpv4(value))) return formatIpv4(value)
  throw new TaskError(`the VPN ${network.name} has no address left`)
}

/** What a device's configuration is made from. */
export interface ClientConfig {
  readonly address: string
  readonly privateKey: Secret
  readonly presharedKey: Secret | undefined
  readonly dns: readonly string[]
  readonly hubKey: string
  readonly endpoint: string
  readonly allowed: readonly string[]
  readonly keepalive: number
}

/** A configuration for wg-quick(8) and WireGuard's apps. Throws TaskError for a hub's key that is not one word. */
export function clientConfig(c: ClientConfig): Secret {
  const psk = c.presharedKey ? secret`PresharedKey = ${c.presharedKey}\n` : secret``
  const dns = c.dns.length === 0 ? '' : `DNS = ${c.dns.join(', ')}\n`
  return secret`[Interface]
PrivateKey = ${c.privateKey}
Address = ${c.address}/32
${dns}
[Peer]
PublicKey = ${oneWord(c.hubKey, 'the hub')}
${psk}AllowedIPs = ${c.allowed.join(', ')}
Endpoint = ${c.endpoint}
${c.keepalive === 0 ? '' : `PersistentKeepalive = ${c.keepalive}\n`}`
}

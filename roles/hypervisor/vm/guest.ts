import { macOf, TaskError, type Host, type Inventory, type Network } from '../../../lib/index.ts'

/** A network card as the guest configures it. */
export interface GuestNic {
  readonly device: string
  readonly mac: string
  /** With prefix length. */
  readonly address: string
  /** Of the default route; one card has it. */
  readonly gateway?: string | undefined
  readonly routes: readonly { readonly to: string; readonly via: string }[]
}

/** First-boot configuration of a machine, which it reads once. Contains no secret. */
export interface Guest {
  readonly name: string
  readonly domain: string
  /** The user to log in as, who becomes root through sudo. */
  readonly user: string
  readonly nics: readonly GuestNic[]
  readonly dns: readonly string[]
}

/** SSH keys of a machine: its host key, made by the controller, and the keys that may log in. */
export interface GuestKeys {
  /** In OpenSSH's form. */
  readonly private: string
  /** `ssh-ed25519 AAAA…` */
  readonly public: string
  readonly authorized: readonly string[]
}

/** A host's first-boot configuration from the inventory. Throws TaskError if the host has no network card. */
export function guestOf(host: Host, inventory: Inventory, dns: readonly string[]): Guest {
  if (host.nics.length === 0) throw new TaskError(`${host.name} has no nics in the inventory`)
  const networkOf = (name: string): Network | undefined => inventory.networks.get(name)
  const uplink = host.nics.find(nic => {
    const network = networkOf(nic.network)
    return network?.gateway !== undefined && network.gateway !== nic.address
  })
  return {
    name: host.name,
    domain: inventory.domain,
    user: host.ssh.user,
    nics: host.nics.map(nic => ({
      device: nic.device,
      mac: macOf(host, nic),
      address: `${nic.address}/${networkOf(nic.network)?.prefix ?? 24}`,
      ...(nic === uplink ? { gateway: networkOf(nic.network)?.gateway } : {}),
      routes: routesThrough(nic.network, host, inventory),
    })),
    dns,
  }
}

/**
 * Routes to the other networks of this network's router. The router's address is the next hop: the default gateway may
 * be another device, which does not know those networks.
 */
const routesThrough = (name: string, host: Host, inventory: Inventory): GuestNic['routes'] =>
  [...inventory.networks.values()].flatMap(({ name: other, cidr, router, ...network }) => {
    if (router === undefined || router === host.name || network.gateway === undefined) return []
    if (host.nics.some(nic => nic.network === other)) return []
    const via = inventory.hosts.get(router)?.nics.find(nic => nic.network === name)?.address
    const own = inventory.networks.get(name)
    return via === undefined || own?.gateway === via ? [] : [{ to: cidr, via }]
  })

/** DNS servers of a machine: the hosts that serve DNS; `upstreams` for these hosts themselves, or if there are none. */
export const nameservers = (
  host: Host,
  servers: readonly Host[],
  upstreams: readonly string[],
): readonly string[] =>
  servers.length === 0 || servers.some(server => server.name === host.name)
    ? upstreams
    : servers.map(server => server.address)

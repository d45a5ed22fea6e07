import { contains, parseCidr, parseIpv4 } from '../../inventory/net.ts'
import type { Host, Inventory, Network } from '../../inventory/types.ts'

/** A host without which another one cannot be reached, and what it is for it. */
export interface Way {
  readonly host: Host
  /** As in "hypervisor, which routes its network". */
  readonly as: string
  /** The same of several hosts: "which routes their network". */
  readonly asOfMany: string
}

/** The hosts of the inventory on which a host depends to be reached: the router of its network, and its hypervisor. */
export function onTheWay(host: Host, inventory: Inventory): Way[] {
  const router = networkOf(host, inventory)?.router
  const ways: Way[] = []
  const add = (name: string | undefined, as: string, asOfMany: string): void => {
    const found = name === undefined ? undefined : inventory.hosts.get(name)
    if (found && found !== host && !ways.some(way => way.host === found))
      ways.push({ host: found, as, asOfMany })
  }
  add(router, 'which routes its network', 'which routes their network')
  add(host.vmOn, 'on which it runs', 'on which they run')
  return ways
}

/** The network of the address to which fmc connects. */
function networkOf(
  { address, nics }: Host,
  { networks }: Pick<Inventory, 'networks'>,
): Network | undefined {
  const nic = nics.find(n => n.address === address)
  if (nic) return networks.get(nic.network)
  const ip = parseIpv4(address)
  return [...networks.values()].find(({ cidr }) => {
    const block = parseCidr(cidr)
    return ip !== undefined && typeof block !== 'string' && contains(block, ip)
  })
}

import { addressIn, TaskError, type Host, type Vip } from '../../lib/index.ts'

/** A backend of a VIP. */
export interface Server {
  readonly name: string
  readonly address: string
}

/** One VIP, from the view of one of its balancers. */
export interface Balanced {
  readonly name: string
  readonly address: string
  readonly prefix: number
  readonly vrid: number
  readonly ports: readonly number[]
  /** The servers' ports, one for each of `ports`. */
  readonly backendPorts: readonly number[]
  readonly check: Vip['check']
  readonly proxyProtocol: boolean
  readonly servers: readonly Server[]
  /** NIC of this balancer in the VIP's network, and its own address there. */
  readonly device: string
  readonly source: string
  /** Addresses of the other balancers in that network. */
  readonly peers: readonly string[]
  readonly priority: number
}

/** Hosts of a pattern. */
export type FindHosts = (pattern: string) => readonly Host[]

/** All VIPs that a balancer may hold. Throws TaskError when it has none, or a host lacks a NIC for one. */
export function balancedBy(
  balancer: Host,
  vips: readonly Vip[],
  find: FindHosts,
): readonly Balanced[] {
  if (vips.length === 0)
    throw new TaskError(`${balancer.name} is not a balancer of any VIP`, {
      hint: 'name it in `balancers:` of a VIP in the inventory, or take it out of this role',
    })
  return vips.map(vip => {
    const balancers = find(vip.balancers)
    const nic = balancer.nics.find(n => n.network === vip.network)
    if (!nic) throw noNic(balancer, vip)
    return {
      ...vip,
      servers: find(vip.backends).map(h => ({
        name: h.name,
        address: reachable(balancer, h, vip),
      })),
      device: nic.device,
      source: nic.address,
      peers: balancers.filter(h => h.name !== balancer.name).map(h => addressOf(h, vip)),
      priority: priorityOf(balancer, vip, balancers),
    }
  })
}

/** The preferred balancer first, the others in inventory order: 120, 110, 100 for three of them. */
export function priorityOf(balancer: Host, vip: Vip, balancers: readonly Host[]): number {
  const first = vip.preferred ?? balancers[0]?.name
  const names = balancers.map(h => h.name)
  const order = [...names.filter(n => n === first), ...names.filter(n => n !== first)]
  const step = Math.max(1, Math.min(10, Math.floor(154 / order.length)))
  return 100 + step * (order.length - 1 - order.indexOf(balancer.name))
}

const noNic = (h: Host, vip: Vip): TaskError =>
  new TaskError(`${h.name} has no NIC in ${vip.network}, so it cannot hold the VIP ${vip.name}`, {
    hint: `give ${h.name} a NIC in ${vip.network}, or take it out of the VIP's balancers`,
  })

function addressOf(h: Host, vip: Vip): string {
  const address = addressIn(h, vip.network)
  if (address === undefined) throw noNic(h, vip)
  return address
}

/** A backend's address in a network of the balancer, else its first address. */
function reachable(balancer: Host, backend: Host, vip: Vip): string {
  const near = backend.nics.find(n => addressIn(balancer, n.network) !== undefined)
  const nic = near ?? backend.nics[0]
  if (nic) return nic.address
  throw new TaskError(`${backend.name} has no address, so it cannot serve the VIP ${vip.name}`, {
    hint: `give ${backend.name} a NIC in the inventory`,
  })
}

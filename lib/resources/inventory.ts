import { matchHosts } from '../inventory/patterns.ts'
import type { Host, Inventory, Vip } from '../inventory/types.ts'
import { isFresh, scope, within } from './scope.ts'

/** The whole inventory, whatever --limit leaves of it. */
export const inventory = (): Inventory => scope().settings.inventory

/** Hosts of a pattern, in inventory order; never what --limit happens to leave. */
export const hosts = (pattern: string): readonly Host[] =>
  matchHosts(scope().settings.inventory, pattern)

/** The host that this role runs for. */
export const host = (): Host => scope().host

/** All virtual addresses, or those that a host may hold. */
export const vips = (balancer?: Host): readonly Vip[] =>
  [...scope().settings.inventory.vips.values()].filter(
    v => !balancer || hosts(v.balancers).some(h => h.name === balancer.name),
  )

/**
 * Run a part of the role on another host, with that host's facts; its tasks are shown under that host.
 * Inside a gate, an order or an invariant that host is asked afresh, too.
 */
export async function on<T>(other: Host, fn: () => Promise<T>): Promise<T> {
  return within(await scope().reach(other.name), fn, isFresh())
}

/** Text from the inventory's point of view of this host: its address in a network; undefined when it has none there. */
export const addressIn = (h: Host, network: string): string | undefined =>
  h.nics.find(n => n.network === network)?.address

import { matchHosts } from '../inventory/patterns.ts'
import type { Host, Inventory, Vip } from '../inventory/types.ts'
import { manner, scope, within } from './scope.ts'

/**
 * The whole inventory, regardless of --limit.
 *
 * @example
 * const { domain, networks } = inventory()
 */
export const inventory = (): Inventory => scope().settings.inventory

/**
 * The hosts that match a pattern, in inventory order and regardless of --limit. See `matchHosts` for the pattern's syntax.
 *
 * @throws UsageError for a name that is neither host nor group.
 *
 * @example
 * const first = hosts('k3s_servers')[0]
 * const others = hosts('k3s_servers:!master1')
 */
export const hosts = (pattern: string): readonly Host[] =>
  matchHosts(scope().settings.inventory, pattern)

/**
 * The host on which this part of the role runs (inside `on`: that host).
 *
 * @example
 * const { name, os } = host()
 */
export const host = (): Host => scope().host

/**
 * All VIPs of the inventory, or those that the host `balancer` may hold.
 *
 * @example
 * const mine = vips(host()).map(vip => vip.address)
 */
export const vips = (balancer?: Host): readonly Vip[] =>
  [...scope().settings.inventory.vips.values()].filter(
    v => !balancer || hosts(v.balancers).some(h => h.name === balancer.name),
  )

/**
 * Runs a part of the role on another host. Inside it `host()`, resources and probes refer to that host, and its tasks are
 * reported under that host. Resolves with what the function returns. In a gate, an order or an invariant, probes on that
 * host are asked every time too.
 *
 * @throws UnreachableError when the host cannot be reached, and what the function throws.
 *
 * @example
 * const [first] = hosts('k3s_servers')
 * if (first) {
 *   const { stdout } = await on(first, async () => probe`k3s --version`)
 *   await file('/etc/k3s-version', { content: stdout })
 * }
 */
export async function on<T>(other: Host, fn: () => Promise<T>): Promise<T> {
  return within(await scope().reach(other.name), fn, manner())
}

/**
 * The host's IPv4 address in a network of the inventory; undefined: it has no NIC there.
 *
 * @example
 * const address = addressIn(host(), 'lan') ?? host().address
 */
export const addressIn = (h: Host, network: string): string | undefined =>
  h.nics.find(n => n.network === network)?.address

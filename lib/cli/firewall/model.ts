import { UsageError } from '../../errors.ts'
import type { HostFirewall, OuterRule, VpnPeer } from '../../firewall/outer.ts'
import { rulesOf } from '../../firewall/rules.ts'
import type { Firewall } from '../../firewall/types.ts'
import type { Inventory } from '../../inventory/types.ts'
import { quote } from '../../shell/quote.ts'

/** Makes errors about names and ports on the command line usage errors. */
export function asUsage<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    const { message, hint } = error as Error & { hint?: string }
    throw new UsageError(message, { hint })
  }
}

/** The firewall of every host that has flows. */
export async function firewallsOf(
  inventory: Inventory,
  file: string,
): Promise<Map<string, HostFirewall>> {
  const { loadRole } = await import('../load.ts')
  const { vars } = await loadRole('firewall', file)
  const found = new Map<string, HostFirewall>()
  for (const host of inventory.hosts.values()) {
    if (host.vars['firewall_flows'] === undefined) continue
    const parsed = vars.safeParse(own(vars.shape, host.vars))
    if (!parsed.success)
      throw new UsageError(`the firewall variables of ${host.name} are wrong`, {
        hint: `fmc lint -i ${quote(file)}   # says what is wrong`,
      })
    const firewall = parsed.data as unknown as Firewall
    found.set(host.name, { firewall, rules: asUsage(() => rulesOf(inventory, host, firewall)) })
  }
  return found
}

const own = (shape: object, vars: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(vars).filter(([key]) => Object.hasOwn(shape, key)))

/** A flow or forward that decides: the host that declares it, and its position. */
export interface Declared {
  readonly host: string
  readonly flow?: number | undefined
  readonly forward?: number | undefined
}

/** Where a flow or forward stands: FILE:LINE. */
export type Place = (of: Declared | OuterRule['of']) => string | undefined

/** Finds the file:line of a flow or forward. */
export async function placesOf(file: string, inventory: Inventory): Promise<Place> {
  const [{ readInventory }, { locateVar }] = await Promise.all([
    import('../../inventory/load.ts'),
    import('../../inventory/role-vars.ts'),
  ])
  const { raw, source } = await readInventory(file)
  return of => {
    if (of === undefined) return undefined
    const [variable, index] =
      of.flow === undefined
        ? (['firewall_forwards', 'forward' in of ? of.forward : undefined] as const)
        : (['firewall_flows', of.flow] as const)
    const host = inventory.hosts.get(of.host)
    const path = raw && host && locateVar(raw, host.groups, of.host, variable)
    if (index === undefined || !path) return undefined
    return `${file}:${source.at([...path, index]).line}`
  }
}

/** The devices of the VPNs that are no hosts of the inventory. */
export const vpnPeers = (inventory: Inventory): VpnPeer[] =>
  [...inventory.networks.values()]
    .filter(n => n.mode === 'wireguard')
    .flatMap(n => {
      const peers = inventory.hosts.get(n.router ?? '')?.vars['wireguard_peers']
      return (Array.isArray(peers) ? (peers as unknown[]) : []).flatMap(peer => {
        const { name, address, networks = [] } = peer as Partial<VpnPeer>
        const isDevice = typeof name === 'string' && !inventory.hosts.has(name)
        if (!isDevice || typeof address !== 'string' || !Array.isArray(networks)) return []
        return [{ vpn: n.name, name, address, networks: networks.map(String) }]
      })
    })

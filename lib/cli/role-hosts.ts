import { select } from '../engine/select.ts'
import { matchHosts } from '../inventory/patterns.ts'
import type { RoleVarsInfo } from '../inventory/role-vars.ts'
import type { Inventory } from '../inventory/types.ts'
import { loadPlaybook, loadRoles } from './load.ts'

/** Every role with its variables and the hosts that a playbook runs it on; without an inventory no hosts. */
export async function roleHosts(
  file: string,
  inventory?: Inventory,
  playbook = 'site',
): Promise<RoleVarsInfo[]> {
  const roles = await loadRoles(file)
  const hosts = new Map<string, Set<string>>(roles.map(r => [r.name, new Set()]))
  if (inventory)
    for (const { play, hosts: found } of select(
      inventory,
      await loadPlaybook(playbook, file),
      {},
    ).flat())
      for (const role of play.roles) for (const host of found) hosts.get(role.name)?.add(host.name)
  return roles.map(r => ({
    role: r.name,
    vars: r.vars,
    advise: r.advise,
    hosts: inventory
      ? matchHosts(inventory, 'all')
          .map(h => h.name)
          .filter(n => hosts.get(r.name)?.has(n))
      : [],
  }))
}

import { matchHosts, splitPattern } from '../inventory/patterns.ts'
import type { RoleVarsInfo } from '../inventory/role-vars.ts'
import type { Inventory } from '../inventory/types.ts'
import { loadPlaybook, loadRoles } from './load.ts'

/** All roles with their variables and the hosts that a playbook runs them on; without an inventory there are no hosts. */
export async function roleHosts(
  file: string,
  inventory?: Inventory,
  playbook = 'site',
): Promise<RoleVarsInfo[]> {
  const roles = await loadRoles(file)
  const hosts = new Map<string, Set<string>>(roles.map(r => [r.name, new Set()]))
  if (inventory)
    for (const play of (await loadPlaybook(playbook, file)).stages.flat())
      for (const role of play.roles)
        for (const host of matchHosts(inventory, play.hosts)) hosts.get(role.name)?.add(host.name)
  return roles.map(r => ({
    role: r.name,
    vars: r.vars,
    advise: r.advise,
    platforms: r.platforms,
    hosts: inventory
      ? matchHosts(inventory, 'all')
          .map(h => h.name)
          .filter(n => hosts.get(r.name)?.has(n))
      : [],
  }))
}

/** The groups that the plays of a playbook run on: an inventory needs them, even if they are empty. */
export async function playGroups(file: string, playbook = 'site'): Promise<string[]> {
  const plays = (await loadPlaybook(playbook, file)).stages.flat()
  const terms = plays.flatMap(play => splitPattern(play.hosts))
  return [...new Set(terms.map(t => t.replace(/^[!&]|\[.*$/g, '')))].filter(
    t => /^[a-z_]\w*$/i.test(t) && t !== 'all',
  )
}

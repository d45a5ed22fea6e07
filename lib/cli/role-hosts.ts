import type { Role } from '../engine/define/role.ts'
import type { Playbook } from '../engine/define/playbook.ts'
import { matchPlay } from '../inventory/patterns.ts'
import type { RoleVarsInfo } from '../inventory/role-vars.ts'
import type { Inventory } from '../inventory/types.ts'

/** A playbook, and whether the inventory must have all variables that it needs (`-e` may give those of an operation). */
export interface CheckedPlaybook {
  readonly book: Playbook
  readonly complete: boolean
}

/**
 * The roles with their variables and the hosts that these playbooks run them on. A role of a playbook replaces one of `roles` with
 * the same name. A role whose variables need not be complete on some hosts comes twice.
 */
export function roleHosts(
  roles: readonly Role[],
  inventory: Inventory | undefined,
  playbooks: readonly CheckedPlaybook[],
): RoleVarsInfo[] {
  const plays = playbooks.flatMap(({ book, complete }) =>
    book.stages.flat().map(play => ({ play, complete })),
  )
  const used = plays.flatMap(({ play }) => play.roles)
  const all = new Map([...roles, ...used].map(role => [role.name, role]))
  const runs = new Map([...all.keys()].map(name => [name, new Map<string, boolean>()]))
  if (inventory)
    for (const { play, complete } of plays) {
      const names = matchPlay(inventory, play.hosts).hosts.map(host => host.name)
      for (const role of play.roles) {
        const hosts = runs.get(role.name)
        for (const name of names) hosts?.set(name, complete || hosts.get(name) === true)
      }
    }
  const order = [...(inventory?.hosts.keys() ?? [])]
  const planned = new Set(used.map(role => role.name))
  return [...all.values()].flatMap(({ name, vars, advise, platforms }) => {
    const info = { role: name, vars, advise, platforms, planned: planned.has(name) }
    const on = (complete: boolean): string[] =>
      order.filter(host => runs.get(name)?.get(host) === complete)
    const partly = on(false)
    return [
      { ...info, hosts: on(true) },
      ...(partly.length > 0 ? [{ ...info, hosts: partly, partial: true }] : []),
    ]
  })
}

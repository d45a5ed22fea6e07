import { quote } from '../shell/quote.ts'
import type { SecretUse } from '../inventory/secrets.ts'

/** A place of the inventory that refers to a secret, and the roles that read it there. */
export interface SecretUser extends SecretUse {
  /** Roles of the playbook site that have the variable and run on one of the hosts. */
  readonly roles: readonly string[]
}

/** Who uses which secret of this inventory. Loads the project's roles. Throws UsageError. */
export async function secretUsers(file: string): Promise<SecretUser[]> {
  const [{ loadInventory }, { secretUses }, { roleHosts }, { loadPlaybook, loadRoles }] =
    await Promise.all([
      import('../inventory/load.ts'),
      import('../inventory/secrets.ts'),
      import('./role-hosts.ts'),
      import('./load.ts'),
    ])
  const inventory = await loadInventory(file)
  const uses = secretUses(inventory)
  if (uses.length === 0) return []
  const site = { book: await loadPlaybook('site', file), complete: true }
  const roles = roleHosts(await loadRoles(file), inventory, [site])
  return uses.map(use => ({
    ...use,
    roles: roles
      .filter(
        r => Object.hasOwn(r.vars.shape, use.variable) && r.hosts.some(h => use.hosts.includes(h)),
      )
      .map(r => r.role),
  }))
}

/** Who uses a secret, on one line: `postgresql_roles on postgresql1 (role postgresql)`. */
export function usedBy(name: string, users: readonly SecretUser[]): string {
  const own = users.filter(u => u.name === name)
  if (own.length === 0) return 'not used'
  return own
    .map(
      ({ variable, hosts, roles }) =>
        `${variable}${hosts.length > 0 ? ` on ${hosts.join(', ')}` : ''}${roles.length > 0 ? ` (role ${roles.join(', ')})` : ''}`,
    )
    .join('; ')
}

/** The commands that bring a changed secret to its hosts: one for one role, else one for all hosts together. */
export function applyCommands(users: readonly SecretUser[]): string[] {
  const read = users.filter(u => u.roles.length > 0)
  const hosts = [...new Set(read.flatMap(u => u.hosts))].join(',')
  const roles = [...new Set(read.flatMap(u => u.roles))]
  const [only, ...others] = roles
  if (only === undefined) return []
  const role = others.length === 0 ? ` --role ${only}` : ''
  return [`fmc play site${role} --limit ${quote(hosts)}`]
}

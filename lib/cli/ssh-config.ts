import type { Host, Inventory } from '../inventory/types.ts'
import { loginFor, type Login } from '../ssh/selection.ts'

/** An inventory completed by ssh_config. */
export interface Completed {
  readonly inventory: Inventory
  /** What ssh_config decides for each host, by name. */
  readonly asked: ReadonlyMap<string, Login['asked']>
}

/**
 * Asks ssh for users and ports that the inventory does not give, so that everything that fmc does with them (the login,
 * known_hosts, the firewall's way in) knows the real ones. A host for which ssh refuses its configuration keeps the defaults:
 * connecting to it says why. Contacts no host.
 *
 * @example
 * const { inventory } = await withSshConfig(await loadInventory('inventory.yaml'))
 */
export async function withSshConfig(inventory: Inventory): Promise<Completed> {
  const asked = new Map<string, Login['asked']>()
  const complete = async (host: Host): Promise<Host> => {
    const given = inventory.givenSsh.get(host.name)
    if (given === undefined || (given.user !== undefined && given.port !== undefined)) return host
    const login = await loginFor({
      name: host.name,
      alias: host.name,
      address: host.address,
      ...given,
      identityFiles: identitiesOf(host),
    }).catch(() => undefined)
    if (login === undefined) return host
    const { user, port } = login
    asked.set(host.name, login.asked)
    return {
      ...host,
      ssh: { ...host.ssh, user, port, sudo: given.sudo ?? user !== 'root' },
    }
  }
  const hosts = await Promise.all([...inventory.hosts.values()].map(complete))
  return { inventory: { ...inventory, hosts: new Map(hosts.map(h => [h.name, h])) }, asked }
}

/** The identity files that the inventory gives a host. */
export const identitiesOf = ({ ssh }: Host): readonly string[] | undefined =>
  ssh.identityFile === undefined ? undefined : [ssh.identityFile]

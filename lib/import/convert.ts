/** Import: turns an Ansible inventory into fmc's. */
import type { RawGroup, RawHost, RawInventory } from '../inventory/raw.ts'
import { addressesOf, type Reach } from './addresses.ts'
import { connection, ownAddress } from './connection.ts'
import { Layers, type Block, type Winners } from './layers.ts'
import type { AnsibleInventory, Remark } from './model.ts'
import { commonDomain, fmcNames, type Names } from './names.ts'
import { Values } from './values.ts'

export interface ConvertOptions {
  /** Operating system of all hosts, such as `debian 12`: Ansible's inventory does not say. */
  readonly os?: string | undefined
}

interface Converted {
  /** Hosts may lack `os`: fmc lint says so. */
  readonly raw: RawInventory
  /** Ordered by file and line, without duplicates. */
  readonly remarks: readonly Remark[]
  /** Names for `fmc secrets set`. */
  readonly secrets: readonly string[]
}

/** Converts an Ansible inventory, with a remark for everything that was left out, renamed or made up. */
export function convert(inventory: AnsibleInventory, options: ConvertOptions = {}): Converted {
  const names = fmcNames(inventory)
  const values = new Values(inventory)
  const layers = new Layers(inventory, values)
  const winners = new Map([...inventory.hosts.keys()].map(host => [host, layers.settle(host)]))
  layers.remarkOnMoved()
  const { networks, hosts: placed } = addressesOf(
    new Map([...winners].map(([host, own]) => [host, reachOf(host, own)])),
  )
  const all = blockOf(layers.block('all', inventory.groups.get('all')))
  const domain = commonDomain(inventory)
  const raw: RawInventory = {
    timezone: 'UTC',
    domain: domain ?? 'cloud.internal',
    networks,
    ...(Object.keys(all).length > 0 && { all }),
    groups: groupsOf(inventory, names, layers),
    hosts: Object.fromEntries(
      [...inventory.hosts].map(([name, host]): [string, RawHost] => {
        const { ssh, vars } = layers.block(name, host)
        const place = placed.get(name)
        const os = options.os ?? osOf(inventory, winners.get(name))
        return [
          names.hosts.get(name) ?? name,
          {
            ...({ ...(os !== undefined && { os }) } as { os: string }),
            ...(place?.nics && { nics: place.nics }),
            ...blockOf({ ssh: { ...place?.ssh, ...ssh }, vars }),
          },
        ]
      }),
    ),
  }
  remarkOnTheMadeUp(inventory, raw, domain !== undefined)
  remarkOnCounterparts(inventory, names)
  return { raw, remarks: sorted(inventory.remarks), secrets: values.secretNames() }
}

function reachOf(host: string, winners: Winners): Reach {
  const found = connection('ansible_host', winners.get('ansible_host')?.value)
  return {
    connect: 'address' in found ? found.address : host,
    own: ownAddress(winners.get('ip')?.value),
  }
}

/** The block without its empty parts. */
const blockOf = ({ ssh, vars }: Block): Partial<Block> => ({
  ...(Object.keys(ssh).length > 0 && { ssh }),
  ...(Object.keys(vars).length > 0 && { vars }),
})

function groupsOf(
  inventory: AnsibleInventory,
  names: Names,
  layers: Layers,
): Record<string, RawGroup> {
  return Object.fromEntries(
    [...names.groups].map(([old, name]): [string, RawGroup] => {
      const group = inventory.groups.get(old)
      const hosts = [...(group?.hosts ?? [])].map(host => names.hosts.get(host) ?? host)
      const children = [...(group?.children ?? [])].map(child => names.groups.get(child) ?? child)
      return [
        name,
        {
          ...(hosts.length > 0 && { hosts }),
          ...(children.length > 0 && { children }),
          ...blockOf(layers.block(old, group)),
        },
      ]
    }),
  )
}

/** Operating systems by the default user of their cloud images. */
const USERS = new Map(
  Object.entries({
    debian: 'debian',
    ubuntu: 'ubuntu',
    almalinux: 'almalinux',
    rocky: 'rocky',
    core: 'flatcar',
  }),
)

function osOf(inventory: AnsibleInventory, winners: Winners | undefined): string | undefined {
  const user = winners?.get('ansible_user')
  const os = USERS.get(String(user?.value))
  if (user && os !== undefined)
    inventory.remark(user, 'os', `${os}, guessed from the user: add the version, as in "debian 12"`)
  return os
}

function remarkOnTheMadeUp(
  inventory: AnsibleInventory,
  raw: RawInventory,
  domainFound: boolean,
): void {
  const all = inventory.groups.get('all')
  if (all === undefined) return
  const put = (key: string, why: string): void => {
    inventory.remark({ file: all.file, line: 1 }, key, why)
  }
  put('timezone', `not in Ansible's inventory: ${raw.timezone} was put in`)
  if (!domainFound) put('domain', `not in Ansible's inventory: ${raw.domain} was put in`)
  for (const [name, { cidr }] of Object.entries(raw.networks))
    put(
      `networks.${name}`,
      `Ansible has no networks: ${cidr} was guessed from the hosts' addresses; check cidr, mode and gateway`,
    )
  const without = Object.entries(raw.hosts).flatMap(([name, { nics }]) => (nics ? [] : [name]))
  if (without.length > 0)
    put(
      'nics',
      `no address of their own was found for ${without.slice(0, 5).join(', ')}${without.length > 5 ? ' …' : ''}: fmc connects by name or forwarded port, but roles need nics`,
    )
}

/** Groups of k3s-ansible and Kubespray, and the groups of fmc that do the same work. */
const COUNTERPARTS = new Map(
  Object.entries({
    ...{ server: 'k3s_servers', master: 'k3s_servers', kube_control_plane: 'k3s_servers' },
    ...{ agent: 'k3s_agents', node: 'k3s_agents', kube_node: 'k3s_agents' },
  }),
)

function remarkOnCounterparts(inventory: AnsibleInventory, names: Names): void {
  for (const [old, name] of names.groups) {
    const wanted = COUNTERPARTS.get(name)
    const group = inventory.groups.get(old)
    if (wanted !== undefined && group)
      inventory.remark(
        group,
        old,
        `no role of fmc runs here yet; for a K3s cluster add ${wanted}: { children: [${name}] }`,
      )
  }
}

function sorted(remarks: readonly Remark[]): readonly Remark[] {
  const once = new Map(remarks.map(r => [JSON.stringify(r), r]))
  const files = [...new Set(remarks.map(r => r.file))]
  return [...once.values()].sort(
    (a, b) => files.indexOf(a.file) - files.indexOf(b.file) || a.line - b.line,
  )
}

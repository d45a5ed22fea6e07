/** Import: turns an Ansible inventory into fmc's. */
import type { RawGroup, RawHost, RawInventory } from '../inventory/raw.ts'
import { addressesOf, type Reach } from './addresses.ts'
import { connection, ownAddress } from './connection.ts'
import { withK3s } from './k3s.ts'
import { Layers, type Block, type Winners } from './layers.ts'
import type { AnsibleInventory, Remark } from './model.ts'
import { nameMap } from './name-map.ts'
import { commonDomain, fmcNames, type Names } from './names.ts'
import {
  guessProject,
  membersOf,
  projectGroups,
  type Project,
  type ProjectGroups,
} from './project.ts'
import { sshStanzas } from './ssh-stanzas.ts'
import { timezoneOf } from './timezone.ts'
import { Values } from './values.ts'
import { variableNames } from './variable-names.ts'

export interface ConvertOptions {
  /** Operating system of all hosts, such as `debian 12`: Ansible's inventory does not say. */
  readonly os?: string | undefined
  /** Whose inventory it is; default: guessed by its groups. */
  readonly from?: Project | undefined
  /** Names on purpose: of groups, and of variables. */
  readonly map?: ReadonlyMap<string, string> | undefined
  /** Groups on which fmc's plays run. */
  readonly playGroups?: readonly string[] | undefined
  /** Variables of fmc's roles → the role. */
  readonly roleVariables?: ReadonlyMap<string, string> | undefined
  /** Is there no checksum for this release of K3s? */
  readonly unpinned?: ((version: string) => boolean) | undefined
  /** The release of K3s that fmc installs by default. */
  readonly k3sVersion?: string | undefined
}

interface Converted {
  /** Hosts may lack `os`: fmc lint says so. */
  readonly raw: RawInventory
  readonly project: Project
  /** Ordered by file and line, without duplicates. */
  readonly remarks: readonly Remark[]
  /** Names for `fmc secrets set`. */
  readonly secrets: readonly string[]
  /** What belongs into ~/.ssh/config. */
  readonly stanzas: readonly string[]
}

/** Converts an Ansible inventory, with a remark for everything that was left out, renamed or made up. */
export function convert(inventory: AnsibleInventory, options: ConvertOptions = {}): Converted {
  const project = options.from ?? guessProject(inventory)
  const special = projectGroups(inventory, project)
  const map = nameMap(inventory, project, special, options.map)
  const names = fmcNames(inventory, { map, reserved: new Set(options.playGroups) })
  const values = new Values(inventory)
  const layers = new Layers(
    inventory,
    values,
    variableNames(inventory, {
      kubespray: project === 'kubespray',
      map,
      roles: options.roleVariables ?? new Map(),
    }),
  )
  const winners = new Map([...inventory.hosts.keys()].map(host => [host, layers.settle(host)]))
  layers.remarkOnMoved()
  const reaches = new Map(
    [...winners].map(([host, own]) => [host, reachOf(host, own, project === 'kubespray')]),
  )
  const { networks, hosts: placed } = addressesOf(reaches)
  const all = blockOf(layers.block('all', inventory.groups.get('all')))
  const domain = commonDomain(inventory)
  const timezone = timezoneOf(inventory, winners)
  const converted: RawInventory = {
    timezone: timezone ?? 'UTC',
    domain: domain ?? 'cloud.internal',
    networks,
    ...(Object.keys(all).length > 0 && { all }),
    groups: groupsOf(inventory, names, layers),
    hosts: Object.fromEntries(
      [...inventory.hosts].map(([name, host]): [string, RawHost] => {
        const { ssh, vars } = layers.block(name, host)
        const place = placed.get(name)
        const os = options.os ?? osOf(inventory, winners.get(name))
        const user = reaches.get(name)?.user
        return [
          names.hosts.get(name) ?? name,
          {
            ...({ ...(os !== undefined && { os }) } as { os: string }),
            ...(place?.nics && { nics: place.nics }),
            ...blockOf({
              ssh: { ...place?.ssh, ...ssh, ...(user !== undefined && { user }) },
              vars,
            }),
          },
        ]
      }),
    ),
  }
  remarkOnTheMadeUp(inventory, converted, { domain, timezone })
  const hostName = (name: string): string => names.hosts.get(name) ?? name
  const stanzas = sshStanzas(inventory, winners, host => [
    ...new Set([hostName(host), reaches.get(host)?.connect ?? host]),
  ])
  const { raw, secrets } =
    project === 'plain'
      ? { raw: converted, secrets: [] }
      : cluster(inventory, converted, { project, special, options, winners, hostName })
  return {
    ...{ raw, project, stanzas },
    remarks: sorted(inventory.remarks),
    secrets: [...new Set([...values.secretNames(), ...secrets])],
  }
}

interface ClusterContext {
  readonly project: Project
  readonly special: ProjectGroups
  readonly options: ConvertOptions
  readonly winners: ReadonlyMap<string, Winners>
  readonly hostName: (name: string) => string
}

/** The converted inventory of a known project, with its K3s. */
function cluster(
  inventory: AnsibleInventory,
  raw: RawInventory,
  { project, special, options, winners, hostName }: ClusterContext,
): { raw: RawInventory; secrets: readonly string[] } {
  const members = (name: string | undefined): string[] =>
    [...(name === undefined ? [] : membersOf(inventory, name))].map(hostName)
  const servers = members(special.servers)
  const agents = members(special.agents).filter(name => !servers.includes(name))
  const byName = new Map([...winners].map(([host, own]) => [hostName(host), own]))
  const groups = {
    ...raw.groups,
    // A node that is a server too runs pods there; K3s needs no agent beside it.
    ...(raw.groups?.['k3s_agents'] === undefined &&
      agents.length > 0 && { k3s_agents: { hosts: agents } }),
  }
  return withK3s(
    { ...raw, groups },
    {
      ...{ inventory, project, servers, agents },
      winners: host => byName.get(host),
      unpinned: options.unpinned ?? (() => false),
      defaultVersion: options.k3sVersion,
    },
  )
}

function reachOf(
  host: string,
  winners: Winners,
  kubespray: boolean,
): Reach & { readonly user: string | undefined } {
  const found = connection('ansible_host', winners.get('ansible_host')?.value)
  const address = 'address' in found ? found.address : host
  const [, user, target = address] = /^([^@]+)@(.+)$/.exec(address) ?? []
  return {
    connect: target.replace(/^\[(.*)\]$/, '$1'),
    own: kubespray ? ownAddress(winners.get('ip')?.value) : undefined,
    user: winners.has('ansible_user') ? undefined : user,
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
  found: { readonly domain: string | undefined; readonly timezone: string | undefined },
): void {
  const all = inventory.groups.get('all')
  if (all === undefined) return
  const put = (key: string, why: string): void => {
    inventory.remark({ file: all.file, line: 1 }, key, why)
  }
  if (found.timezone === undefined)
    put('timezone', `not in Ansible's inventory: ${raw.timezone} was put in`)
  if (found.domain === undefined)
    put('domain', `not in Ansible's inventory: ${raw.domain} was put in`)
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

function sorted(remarks: readonly Remark[]): readonly Remark[] {
  const once = new Map(remarks.map(r => [JSON.stringify(r), r]))
  const files = [...new Set(remarks.map(r => r.file))]
  return [...once.values()].sort(
    (a, b) => files.indexOf(a.file) - files.indexOf(b.file) || a.line - b.line,
  )
}

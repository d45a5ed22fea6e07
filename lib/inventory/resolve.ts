import { dirname, resolve as resolvePath } from 'node:path'
import { fileURLToPath } from 'node:url'
import { groupTree, type GroupTree } from './groups.ts'
import { parseCidr } from './net.ts'
import type {
  RawDisk,
  RawHooks,
  RawHost,
  RawInventory,
  RawLabK3s,
  RawNic,
  RawSsh,
  RawValue,
} from './raw.ts'
import type {
  Disk,
  Hook,
  Host,
  Inventory,
  LabK3s,
  LabPackages,
  Network,
  Nic,
  Os,
  Vars,
  Vip,
} from './types.ts'

/** A new operating system of a known family needs its name here, in types.ts (Os) and in schema.ts; roles then use the family's row. */
const FAMILIES = {
  debian: 'debian',
  ubuntu: 'debian',
  almalinux: 'el',
  rocky: 'el',
  flatcar: 'flatcar',
} as const satisfies Record<Os['name'], Os['family']>

/** A size such as 512MB, 8GB or 8GiB in megabytes; 1GB is 1024MB, the same as 1GiB. */
export function megabytes(size: string): number {
  const factor = { M: 1, G: 1024, T: 1024 * 1024 }[size.replace(/[\d.]+/, '').charAt(0)] ?? 0
  return Math.round(Number.parseFloat(size) * factor)
}

const gigabytes = (size: string): number => megabytes(size) / 1024

function parseOs(text: string): Os {
  const [name, version] = text.split(' ') as [Os['name'], string | undefined]
  return { name, family: FAMILIES[name], version }
}

/**
 * The typed inventory of a checked file. A variable's value is the last one in this order:
 *   1. all.vars
 *   2. groups.<group>.vars: parents before their children, groups of equal depth in the order of the file
 *   3. hosts.<host>.vars
 *   4. -e on the command line, in its order
 * A value replaces the earlier one as a whole: maps and lists are not merged.
 */
export function resolveInventory(
  raw: RawInventory,
  file: string,
  extraVars: Readonly<Record<string, unknown>> = {},
): Inventory {
  const tree = groupTree(raw)
  const networks = new Map(
    Object.entries(raw.networks).map(([name, network]) => [name, resolveNetwork(name, network)]),
  )
  return {
    file,
    timezone: raw.timezone,
    domain: raw.domain,
    networks,
    vips: new Map(
      Object.entries(raw.vips ?? {}).map(
        ([name, { proxy_protocol, backend_ports, ...vip }]): [string, Vip] => [
          name,
          {
            ...vip,
            name,
            backendPorts: backend_ports ?? vip.ports,
            proxyProtocol: proxy_protocol ?? false,
            prefix: networks.get(vip.network)?.prefix ?? 32,
            check: vip.check ?? 'tcp',
            preferred: vip.preferred,
          },
        ],
      ),
    ),
    hosts: new Map(
      Object.entries(raw.hosts).map(([name, host], index) => [
        name,
        resolveHost(raw, tree, name, host, index, extraVars as Vars),
      ]),
    ),
    givenSsh: new Map(
      Object.entries(raw.hosts).map(([name, host]) => {
        const { user, port, sudo } = sshOf(raw, tree, name, host)
        return [name, { user, port, sudo }]
      }),
    ),
    groups: tree.members,
    secretsFile: resolvePath(dirname(resolvePath(file)), raw.secrets ?? 'secrets.age'),
    knownHostsFile: resolvePath(dirname(resolvePath(file)), 'known_hosts'),
    artifacts: (raw.artifacts ?? {}) as Inventory['artifacts'],
    hooks: resolveHooks(raw.hooks ?? {}),
    lab: {
      images: Object.fromEntries(
        Object.entries(raw.lab?.images ?? {}).map(([os, { repo, ...image }]) => [
          os,
          { ...image, repo: repo === undefined ? undefined : directoryOf(repo, file) },
        ]),
      ),
      packages: raw.lab?.packages && labPackages(raw.lab.packages, file),
      dirt: new Map(Object.entries(raw.lab?.dirt ?? {})),
      k3s: raw.lab?.k3s === undefined ? [] : labK3s(raw.lab.k3s, file),
    },
  }
}

const resolveHooks = (raw: RawHooks): Hook[] =>
  (['start', 'success', 'failure', 'drift'] as const).flatMap(event =>
    (raw[`on_${event}`] ?? []).map((hook, index) => ({
      ...{ key: `hooks.on_${event}[${index}]`, event, type: hook.type, url: hook.url },
      ...{ token: hook.token, commands: hook.commands, dryRuns: hook.dry_runs ?? false },
    })),
  )

const labPackages = (
  { debian = [], el = {}, dir }: NonNullable<NonNullable<RawInventory['lab']>['packages']>,
  file: string,
): LabPackages => ({
  debian,
  el: Object.fromEntries(
    Object.entries(el).map(([name, { debs = [], files, remove = [], user }]) => [
      name,
      { debs, files: files === undefined ? undefined : directoryOf(files, file), remove, user },
    ]),
  ),
  dir: dir === undefined ? undefined : directoryOf(dir, file),
})

const labK3s = ({ releases = {}, ...first }: RawLabK3s, file: string): LabK3s[] =>
  [
    { key: 'lab.k3s', release: undefined, program: first },
    ...Object.entries(releases).map(([release, program]) => ({
      ...{ key: `lab.k3s.releases.${release}`, release, program },
    })),
  ].flatMap(({ key, release, program: { url, path, sha256 } }): LabK3s[] => {
    if (url !== undefined) return [{ key, release, sha256, source: { url } }]
    // check-lab.ts reports a program that has neither.
    if (path === undefined) return []
    return [{ key, release, sha256, source: { path: directoryOf(path, file) } }]
  })

const directoryOf = (repo: string, file: string): string =>
  repo.startsWith('file:') ? fileURLToPath(repo) : resolvePath(dirname(resolvePath(file)), repo)

/** The default device of a NIC: eth0, eth1 … in the order of the list; wg0 for a VPN, which does not count. */
export function defaultDevice(raw: RawInventory, host: RawHost, position: number): string {
  const isVpn = (nic: RawNic | undefined) => raw.networks[nic?.network ?? '']?.mode === 'wireguard'
  const nics = host.nics ?? []
  if (isVpn(nics[position])) return 'wg0'
  return `eth${nics.slice(0, position).filter(nic => !isVpn(nic)).length}`
}

function resolveNetwork(name: string, network: RawInventory['networks'][string]): Network {
  const block = parseCidr(network.cidr)
  return {
    name,
    cidr: network.cidr,
    prefix: typeof block === 'string' ? 32 : block.prefix,
    mode: network.mode,
    gateway: network.gateway,
    bridge: network.bridge,
    router: network.router,
    port: network.mode === 'wireguard' ? (network.port ?? 51820) : undefined,
    endpoint: network.endpoint,
  }
}

function resolveHost(
  raw: RawInventory,
  tree: GroupTree,
  name: string,
  host: RawHost,
  index: number,
  extraVars: Vars,
): Host {
  const groups = tree.groupsOf.get(name) ?? ['all']
  const layers = layersOf(raw, groups, host)
  const vars = Object.assign({}, ...layers.map(layer => layer?.vars)) as Record<string, RawValue>
  const ssh = sshOf(raw, tree, name, host)
  const user = ssh.user ?? 'root'
  return {
    name,
    address: host.ssh?.host ?? host.nics?.[0]?.address ?? '',
    os: parseOs(host.os),
    osUnsupported: [raw, ...layers].some(layer => layer?.os_unsupported === 'allow')
      ? 'allow'
      : undefined,
    nics: (host.nics ?? []).map((nic, position): Nic => ({
      network: nic.network,
      address: nic.address,
      mac: nic.mac,
      device: nic.device ?? defaultDevice(raw, host, position),
    })),
    vcpu: host.vcpu,
    memoryMb: host.memory === undefined ? undefined : megabytes(host.memory),
    rootDiskGb: host.root_disk === undefined ? undefined : gigabytes(host.root_disk),
    disks: (host.disks ?? []).map(resolveDisk),
    vmOn: host.vm_on,
    groups,
    index,
    ssh: {
      user,
      port: ssh.port ?? 22,
      sudo: ssh.sudo ?? user !== 'root',
      identityFile: ssh.identity_file,
      transport: ssh.transport ?? 'auto',
    },
    vars: { ...vars, ...extraVars },
  }
}

const layersOf = (raw: RawInventory, groups: readonly string[], host: RawHost) => [
  ...groups.map(group => (group === 'all' ? raw.all : raw.groups?.[group])),
  host,
]

const sshOf = (raw: RawInventory, tree: GroupTree, name: string, host: RawHost): RawSsh =>
  Object.assign(
    {},
    ...layersOf(raw, tree.groupsOf.get(name) ?? ['all'], host).map(layer => layer?.ssh),
  ) as RawSsh

const resolveDisk = ({ name, size, device }: RawDisk): Disk => ({
  name,
  sizeGb: gigabytes(size),
  device: device ?? `/dev/disk/by-id/virtio-${name}`,
})

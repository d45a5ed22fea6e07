import { UsageError } from '../errors.ts'
import { networkOf } from '../firewall/path.ts'
import { matchHosts } from '../inventory/patterns.ts'
import type { Host, Inventory, Network, Vip } from '../inventory/types.ts'

/** A connection that a firewall allows, or that a balancer or a port forwarding makes. */
export interface GraphFlow {
  readonly kind: 'allowed' | 'balanced' | 'forwarded'
  /** Whose firewall has it, or who holds the VIP: hosts, or a group of just these hosts. */
  readonly at: readonly string[]
  /** Networks, groups, hosts, VIPs, addresses, `wan` or `any`; for a backend: a pattern. */
  readonly from: readonly string[]
  readonly to: readonly string[]
  /** Such as 22, 53/udp, any; 80 → 30080 when the port changes. */
  readonly ports: readonly string[]
  readonly comment?: string | undefined
}

/** A host as the picture shows it. */
export interface GraphHost {
  readonly name: string
  readonly os: string
  /** Such as `2 vCPU, 2 GB`; empty: unknown. */
  readonly size: string
  /** Its smallest group. */
  readonly group: string | undefined
  /** The hypervisor that it is a VM of. */
  readonly vmOn: string | undefined
  /** Whether other hosts are VMs of it. */
  readonly holdsVms: boolean
  /** Its addresses by network; OUTSIDE for one in no network of the inventory. */
  readonly addresses: readonly {
    readonly network: string
    readonly address: string
    readonly gateway: boolean
  }[]
}

export interface GraphVip extends Pick<Vip, 'name' | 'address' | 'network' | 'backends'> {
  readonly ports: readonly string[]
  readonly balancers: readonly string[]
}

/** What `fmc graph` shows of an inventory. */
export interface Graph {
  readonly domain: string
  readonly networks: readonly Network[]
  readonly hosts: readonly GraphHost[]
  readonly groups: readonly { readonly name: string; readonly hosts: readonly string[] }[]
  readonly vips: readonly GraphVip[]
  readonly flows: readonly GraphFlow[]
  /** The network of each name that a flow begins or ends at, if it has one: that of its first host. */
  readonly networkOf: Readonly<Record<string, string>>
}

/** Stands for all addresses that are in none of the inventory's networks. */
export const OUTSIDE = 'outside'

/** The graph of an inventory. Throws UsageError when a host's firewall variables have another form than the role's. */
export function graphOf(inventory: Inventory): Graph {
  const flows = [
    ...firewallFlows(inventory),
    ...[...inventory.vips.values()].map(v => balanced(inventory, v)),
  ]
  const hypervisors = new Set([...inventory.hosts.values()].flatMap(h => h.vmOn ?? []))
  return {
    domain: inventory.domain,
    networks: [...inventory.networks.values()],
    hosts: [...inventory.hosts.values()].map(host => ({
      name: host.name,
      os: [host.os.name, host.os.version].filter(Boolean).join(' '),
      size: sizeOf(host),
      group: smallestGroup(inventory, host),
      vmOn: host.vmOn !== undefined && inventory.hosts.has(host.vmOn) ? host.vmOn : undefined,
      holdsVms: hypervisors.has(host.name),
      addresses: addressesOf(inventory, host),
    })),
    groups: [...inventory.groups]
      .filter(([name]) => name !== 'all')
      .map(([name, hosts]) => ({ name, hosts })),
    vips: [...inventory.vips.values()].map(vip => ({
      name: vip.name,
      address: vip.address,
      network: vip.network,
      backends: vip.backends,
      ports: vip.ports.map(String),
      balancers: matchHosts(inventory, vip.balancers).map(h => h.name),
    })),
    flows,
    networkOf: Object.fromEntries(
      [...new Set(flows.flatMap(f => [...f.from, ...f.to]))].flatMap(name => {
        const network = networkOfName(inventory, name)
        return network === undefined ? [] : [[name, network]]
      }),
    ),
  }
}

/** The network of a VIP, network, address or block, or of the first host of a pattern. */
function networkOfName(inventory: Inventory, name: string): string | undefined {
  if (name === 'any' || name === 'wan') return undefined
  if (inventory.networks.has(name)) return name
  const own =
    inventory.vips.get(name)?.network ?? networkOf(inventory, name.replace(/\/\d+$/, ''))?.name
  if (own !== undefined || /^[\d./]+$/.test(name)) return own
  const [first] = matching(inventory, name)
  return first && addressesOf(inventory, first)[0]?.network
}

/** The hosts of a pattern; none if it names something that does not exist, which `fmc lint` reports. */
const matching = (inventory: Inventory, pattern: string): Host[] => {
  try {
    return matchHosts(inventory, pattern)
  } catch (error) {
    if (error instanceof UsageError) return []
    throw error
  }
}

/** One group name for several hosts, if a group has just these. */
const together = (inventory: Inventory, hosts: readonly string[]): readonly string[] => {
  if (hosts.length < 2) return hosts
  const same = [...inventory.groups].find(
    ([, members]) => members.length === hosts.length && members.every(m => hosts.includes(m)),
  )
  return same ? [same[0]] : hosts
}

const sizeOf = ({ vcpu, memoryMb }: Host): string =>
  [
    ...(vcpu === undefined ? [] : [`${vcpu} vCPU`]),
    ...(memoryMb === undefined
      ? []
      : [memoryMb < 1024 ? `${memoryMb} MB` : `${Number((memoryMb / 1024).toFixed(1))} GB`]),
  ].join(', ')

const smallestGroup = (inventory: Inventory, host: Host): string | undefined =>
  [...inventory.groups]
    .filter(([name, members]) => name !== 'all' && members.includes(host.name))
    .toSorted(([, a], [, b]) => a.length - b.length)[0]?.[0]

function addressesOf(inventory: Inventory, host: Host): GraphHost['addresses'] {
  const own = host.nics.map(({ network, address }) => ({
    network,
    address,
    gateway: inventory.networks.get(network)?.gateway === address,
  }))
  const routed = [...inventory.networks.values()]
    .filter(n => n.router === host.name && n.gateway !== undefined)
    .filter(n => !own.some(a => a.address === n.gateway))
    .map(n => ({ network: n.name, address: n.gateway ?? '', gateway: true }))
  const elsewhere =
    host.address !== '' &&
    !own.some(a => a.address === host.address) &&
    (own.length === 0 || !networkOf(inventory, host.address))
  return [
    ...(elsewhere ? [{ network: OUTSIDE, address: host.address, gateway: false }] : []),
    ...own,
    ...routed,
  ]
}

const balanced = (inventory: Inventory, vip: Vip): GraphFlow => ({
  kind: 'balanced',
  at: matchHosts(inventory, vip.balancers).map(h => h.name),
  from: [vip.name],
  to: [vip.backends],
  ports: vip.ports.map((port, i) => changed(port, vip.backendPorts[i] ?? port)),
  comment: vip.proxyProtocol ? 'PROXY protocol' : undefined,
})

const changed = (port: string | number, to: string | number): string =>
  String(port) === String(to) ? String(port) : `${port} → ${to}`

/** The flows and forwards of all firewalls. Hosts with the same ones share them. */
function firewallFlows(inventory: Inventory): GraphFlow[] {
  const found = new Map<string, { readonly hosts: string[]; readonly host: Host }>()
  for (const host of inventory.hosts.values()) {
    const key = JSON.stringify([host.vars['firewall_flows'], host.vars['firewall_forwards']])
    const same = found.get(key)
    if (same) same.hosts.push(host.name)
    else found.set(key, { hosts: [host.name], host })
  }
  return [...found.values()].flatMap(({ hosts, host }) => {
    const at = together(inventory, hosts)
    return [
      ...entries(host, 'firewall_flows').map((flow): GraphFlow => ({
        kind: 'allowed',
        at,
        from: names(host, flow['from']),
        to: names(host, flow['to']),
        ports: names(host, flow['ports']),
        comment: comment(flow),
      })),
      ...entries(host, 'firewall_forwards').map(
        ({ port, to, to_port: toPort, ...rest }): GraphFlow => ({
          kind: 'forwarded',
          at,
          from: ['wan'],
          to: names(host, to),
          ports: names(host, port).map(p => changed(p, typeof toPort === 'number' ? toPort : p)),
          comment: comment(rest),
        }),
      ),
    ]
  })
}

type Entry = Readonly<Record<string, unknown>>

const wrong = (host: Host): UsageError =>
  new UsageError(`the firewall variables of ${host.name} are wrong`, {
    hint: 'fmc lint   # says what is wrong',
  })

const entries = (host: Host, variable: string): Entry[] => {
  const value: unknown = host.vars[variable] ?? []
  if (!Array.isArray(value)) throw wrong(host)
  return value.map((entry: unknown) => {
    if (typeof entry !== 'object' || entry === null) throw wrong(host)
    return entry as Entry
  })
}

/** A name or number, or a list of them. */
const names = (host: Host, value: unknown): string[] =>
  (Array.isArray(value) ? (value as unknown[]) : [value]).map(name => {
    if (typeof name !== 'string' && typeof name !== 'number') throw wrong(host)
    return String(name)
  })

const comment = ({ comment: text }: Entry): string | undefined =>
  typeof text === 'string' ? text : undefined

/** The title under which a flow is shown. */
export const sectionOf = ({ kind, at }: GraphFlow): string =>
  kind === 'balanced' ? 'VIPs and their backends' : `firewall of ${at.join(', ')}`

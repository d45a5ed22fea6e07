/** What `fmc firewall probe` tries: connections between hosts of the inventory, and what the inventory says of each. Pure. */
import { contains, parseIpv4 } from '../inventory/net.ts'
import { matchHosts } from '../inventory/patterns.ts'
import type { Host, Inventory } from '../inventory/types.ts'
import { endpoint, fixedAddresses, isOf, type Side } from './endpoint.ts'
import type { HostFirewall, OuterRule } from './outer.ts'
import { endsOf, explain, networkOf } from './path.ts'
import { portsOf } from './rules.ts'
import type { Flow, Packet, Proto, Rule } from './types.ts'
import { crossing, waysOf } from './ways.ts'
import { WAN } from './zones.ts'

/** One connection to try. */
export interface Probe {
  /** The host that tries it. */
  readonly from: string
  readonly source: string
  /** The host or VIP, or the address that `--outside` gave. */
  readonly to: string
  readonly target: string
  readonly proto: Proto
  readonly port: number
  readonly declared: 'allow' | 'deny'
  /** The flow that allows it, or what denies it. */
  readonly why: string
  readonly of: OuterRule['of']
}

/** Where the programs of a host listen for others (found.ts); a host that could not be asked has no entry. */
export type Listening = ReadonlyMap<string, ReadonlySet<string>>

/** An address in no network of the inventory, and a TCP port on which it answers. */
export interface Outside {
  readonly address: string
  readonly port: number
}

export interface ProbePlan {
  readonly probes: readonly Probe[]
  /** Flows that nobody can try from where they start, and why. */
  readonly untried: readonly string[]
}

/** Between whom connections are tried. */
interface Range {
  readonly hosts: readonly Host[]
  readonly outside?: Outside | undefined
}

interface Target {
  readonly name: string
  readonly address: string
}

/**
 * The probes of all declared flows, and of at most `sample` connections that no flow allows, to ports on which somebody
 * listens.
 *
 * @param firewalls - by host: all that the inventory declares
 */
export function probesOf(
  inventory: Inventory,
  firewalls: ReadonlyMap<string, HostFirewall>,
  listening: Listening,
  options: Range & { readonly sample: number },
): ProbePlan {
  const range = { hosts: options.hosts, outside: options.outside }
  const judge = judgeOf(inventory, firewalls)
  const untried: string[] = []
  const flows = [...firewalls.values()].flatMap(f => f.firewall.firewall_flows)
  const declared = flows.flatMap(flow => {
    const title =
      flow.comment ?? `${[flow.from].flat().join(', ')} → ${[flow.to].flat().join(', ')}`
    const sources = sourcesOf(inventory, flow.from, range)
    const targets = targetsOf(inventory, flow.to, range)
    if (sources.length === 0) untried.push(`${title}: no host of the inventory is where it starts`)
    else if (targets.length === 0)
      untried.push(
        `${title}: no host of the inventory is where it leads${isWan(inventory, flow.to) ? '; --outside ADDRESS:PORT names one' : ''}`,
      )
    return sources.flatMap(source =>
      targets.flatMap(target =>
        packetsOf(inventory, source, target, flow, range).flatMap(p => judge(source, target, p)),
      ),
    )
  })
  const wanted = unique(declared)
  const known = new Set(wanted.map(keyOf))
  const starts = new Set(flows.flatMap(f => sourcesOf(inventory, f.from, range)))
  const denied = candidates(inventory, judge, listening, [...starts], range).filter(
    p => p.declared === 'deny' && !known.has(keyOf(p)),
  )
  return {
    probes: [...wanted, ...spread(unique(denied), options.sample)],
    untried: [...new Set(untried)],
  }
}

type Judge = (source: Host, target: Target, packet: Packet) => Probe[]

/** What the inventory says of a connection; nothing if no firewall is between, as among neighbours. */
function judgeOf(inventory: Inventory, firewalls: ReadonlyMap<string, HostFirewall>): Judge {
  const sets = new Map([...firewalls].map(([name, { rules }]) => [name, rules]))
  const ways = waysOf(inventory, [])
  const zone = (address: string): string => networkOf(inventory, address)?.name ?? WAN
  return (source, target, packet) => {
    const { steps, verdict, neighbours } = explain(inventory, sets, packet)
    const common = {
      ...{ from: source.name, source: packet.from, to: target.name, target: packet.to },
      ...{ proto: packet.proto === 'ping' ? ('tcp' as const) : packet.proto, port: packet.port },
    }
    const last =
      steps.findLast(s => verdict === 'drop' || s.rule?.flow !== undefined) ?? steps.at(-1)
    if (last !== undefined) {
      const { rule, host } = last
      const of = rule?.flow === undefined ? undefined : { host, flow: rule.flow }
      const declared = verdict === 'accept' ? ('allow' as const) : ('deny' as const)
      return [{ ...common, declared, why: rule?.why ?? 'no flow allows it', of }]
    }
    const isHeld = inventory.hosts.get(target.name) === source
    if (neighbours || isHeld || crossing(ways, zone(packet.from), zone(packet.to)) === undefined)
      return []
    for (const [host, { rules }] of sets.size === 0 ? [] : firewalls) {
      const rule = rules.rules.find(r => r.flow !== undefined && fits(r, packet))
      if (rule?.flow !== undefined)
        return [{ ...common, declared: 'allow', why: rule.why, of: { host, flow: rule.flow } }]
    }
    return [{ ...common, declared: 'deny', why: 'no flow allows it', of: undefined }]
  }
}

const fits = ({ from, to, match }: Rule, packet: Packet): boolean =>
  isOf(from, parseIpv4(packet.from) ?? 0) &&
  isOf(to, parseIpv4(packet.to) ?? 0) &&
  (match === 'any' ||
    (typeof match !== 'string' &&
      match.some(p => p.proto === packet.proto && packet.port >= p.first && packet.port <= p.last)))

const sidesOf = (inventory: Inventory, names: Flow['from']): Side[] =>
  [names].flat().map(name => endpoint(inventory, name))

const isWan = (inventory: Inventory, names: Flow['to']): boolean =>
  sidesOf(inventory, names).some(s => s.is !== 'in')

const addressIn = (inventory: Inventory, host: Host, sides: readonly Side[]): string | undefined =>
  fixedAddresses(inventory, host).find(a => sides.some(s => isOf(s, parseIpv4(a) ?? 0)))

/** Hosts where a flow starts: those that it names or that are in its groups, and of each network one that does not route. */
function sourcesOf(inventory: Inventory, names: Flow['from'], { hosts }: Range): Host[] {
  const sides = sidesOf(inventory, names)
  const seen = new Set<string>()
  const routers = new Set([...inventory.networks.values()].map(n => n.router))
  return hosts.filter(host => {
    const address = addressIn(inventory, host, sides)
    if (address === undefined) return false
    const value = parseIpv4(address) ?? 0
    const isNamed = sides.some(
      s => s.is === 'in' && s.blocks.some(b => b.prefix === 32 && contains(b, value)),
    )
    const network = networkOf(inventory, address)?.name ?? WAN
    if (!isNamed && (seen.has(network) || routers.has(host.name))) return false
    seen.add(network)
    return true
  })
}

/** Hosts and VIPs where a flow leads, and the address outside for flows to the Internet. */
function targetsOf(inventory: Inventory, names: Flow['to'], range: Range): Target[] {
  const sides = sidesOf(inventory, names)
  const vips = [...inventory.vips.values()]
    .filter(v => matchHosts(inventory, v.balancers).some(b => range.hosts.includes(b)))
    .filter(v => sides.some(s => isOf(s, parseIpv4(v.address) ?? 0)))
    .map(({ name, address }) => ({ name, address }))
  const hosts = range.hosts.flatMap(host => {
    const address = addressIn(inventory, host, sides)
    return address === undefined ? [] : [{ name: host.name, address }]
  })
  const { outside } = range
  const isOut = outside !== undefined && isWan(inventory, names)
  return [
    ...vips,
    ...hosts,
    ...(isOut ? [{ name: outside.address, address: outside.address }] : []),
  ]
}

/** The packets that try a flow between two hosts: one per port, the first of a range, and SSH for all ports. */
function packetsOf(
  inventory: Inventory,
  source: Host,
  target: Target,
  flow: Flow,
  { outside }: Range,
): Packet[] {
  const [from, to] = endsOf(inventory, source.name, target.address)
  const ssh = inventory.hosts.get(target.name)?.ssh.port ?? 22
  const any = target.address === outside?.address ? outside.port : ssh
  return flow.ports.map((port): Packet => {
    const { proto, first } = port === 'any' ? { proto: 'tcp' as const, first: any } : portsOf(port)
    return { from, to, proto, port: first }
  })
}

const keyOf = ({ from, target, proto, port }: Probe): string => `${from} ${target} ${port}/${proto}`

const unique = (probes: readonly Probe[]): Probe[] =>
  [...new Map(probes.toReversed().map(p => [keyOf(p), p])).values()].toReversed()

/** On so many ports of a host others are tried: a host may name any number of them. */
const MOST_PORTS = 500

/** Connections to programs that listen on the hosts. */
const candidates = (
  inventory: Inventory,
  judge: Judge,
  listening: Listening,
  starts: readonly Host[],
  { hosts }: Range,
): Probe[] => {
  const programs = hosts.map(host => ({
    host,
    sockets: [...(listening.get(host.name) ?? [])].flatMap(where => {
      const [, address, port] = /^(.*):(\d+)\/tcp$/.exec(where) ?? []
      return port === undefined ? [] : [{ address, port: Number(port) }]
    }),
  }))
  return starts.flatMap(source =>
    programs.flatMap(({ host, sockets }) => {
      const [from, to] = endsOf(inventory, source.name, host.name)
      const target = { name: host.name, address: to }
      return sockets
        .filter(({ address }) => address === '*' || address === to)
        .slice(0, MOST_PORTS)
        .flatMap(({ port }) => judge(source, target, { from, to, proto: 'tcp', port }))
    }),
  )
}

/** At most `count` of them, evenly from the whole list. */
const spread = (probes: readonly Probe[], count: number): Probe[] => {
  const step = Math.max(1, probes.length / count)
  return probes
    .filter((_, i) => Math.floor(i / step) !== Math.floor((i - 1) / step))
    .slice(0, count)
}

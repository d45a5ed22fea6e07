import { TaskError } from '../errors.ts'
import { suggestion } from '../text/nearest.ts'
import { contains, formatIpv4, parseCidr, parseIpv4 } from '../inventory/net.ts'
import { matchHosts } from '../inventory/patterns.ts'
import type { Host, Inventory, Network } from '../inventory/types.ts'
import { addressesOf, isLoopback } from './endpoint.ts'
import { decide } from './rules.ts'
import type { Packet, Redirect, Rule, RuleSet } from './types.ts'

/** One firewall's decision on the way of a connection. */
export interface Step {
  readonly host: string
  readonly chain: Rule['chain']
  /** The packet as it reaches this chain. */
  readonly packet: Packet
  readonly verdict: 'accept' | 'drop'
  /** Undefined: no rule fits. */
  readonly rule: Rule | undefined
  readonly redirect?: Redirect
  /** The source that it leaves with. */
  readonly masqueraded?: string
}

export interface Explanation {
  readonly packet: Packet
  readonly steps: readonly Step[]
  /** `undecided`: fmc manages no firewall on the way, but a router outside the inventory may filter. */
  readonly verdict: 'accept' | 'drop' | 'undecided'
  /** Both are in one network, with no router between them. */
  readonly neighbours: boolean
}

/** An address for documentation (RFC 5737): it stands for any host outside. */
const SOMEWHERE = '203.0.113.1'

export const networkOf = (inventory: Inventory, address: string): Network | undefined =>
  [...inventory.networks.values()].find(n => {
    const block = parseCidr(n.cidr)
    return typeof block !== 'string' && contains(block, parseIpv4(address) ?? -1)
  })

/** The host of the inventory that has an address; a VIP belongs to its preferred balancer. */
export const holderOf = (inventory: Inventory, address: string): Host | undefined => {
  const vip = [...inventory.vips.values()].find(v => v.address === address)
  if (vip) {
    const [first] = matchHosts(inventory, vip.balancers)
    return inventory.hosts.get(vip.preferred ?? first?.name ?? '')
  }
  return [...inventory.hosts.values()].find(h => addressesOf(inventory, h).includes(address))
}

/** The addresses of a name: a host's, a VIP's, a free one of a network, or one outside (`wan`). Throws TaskError. */
function addressesFor(inventory: Inventory, name: string): readonly string[] {
  if (parseIpv4(name) !== undefined) return [name]
  if (name === 'wan') return [SOMEWHERE]
  const host = inventory.hosts.get(name)
  if (host)
    return addressesOf(inventory, host).filter(
      a => ![...inventory.vips.values()].some(v => v.address === a),
    )
  const vip = inventory.vips.get(name)
  if (vip) return [vip.address]
  const network = inventory.networks.get(name)
  const block = network && parseCidr(network.cidr)
  if (block && typeof block !== 'string') {
    for (let a = block.last - 1; a > block.base; a--)
      if (!holderOf(inventory, formatIpv4(a))) return [formatIpv4(a)]
  }
  throw new TaskError(`no host, VIP or network is called ${name}, and it is not an address`, {
    hint: suggestion(name, [
      ...inventory.hosts.keys(),
      ...inventory.vips.keys(),
      ...inventory.networks.keys(),
    ]),
  })
}

/** The two addresses of a connection: of hosts with several, two in one network, else the first of each. */
export function endsOf(inventory: Inventory, from: string, to: string): readonly [string, string] {
  const [sources, targets] = [addressesFor(inventory, from), addressesFor(inventory, to)]
  for (const source of sources)
    for (const target of targets) {
      const network = networkOf(inventory, source)
      if (network && networkOf(inventory, target) === network) return [source, target]
    }
  return [sources[0] ?? '', targets[0] ?? '']
}

/** Follows a new connection through every firewall on its way, as the inventory routes it. Pure. */
export function explain(
  inventory: Inventory,
  firewalls: ReadonlyMap<string, RuleSet>,
  first: Packet,
): Explanation {
  const steps: Step[] = []
  // Such a packet never leaves its machine.
  if (isLoopback(first.from) || isLoopback(first.to))
    return { packet: first, steps, verdict: 'accept', neighbours: false }
  let packet = first
  const redirected = entering(inventory, firewalls, packet, steps)
  if (redirected) packet = redirected
  const source = holderOf(inventory, packet.from)
  const target = holderOf(inventory, packet.to)
  const here = networkOf(inventory, packet.from)
  const there = networkOf(inventory, packet.to)
  const neighbours = here !== undefined && here === there
  const routers =
    neighbours || (source !== undefined && source === target) ? [] : [here?.router, there?.router]
  for (const name of new Set(routers)) {
    if (name === undefined || name === source?.name || name === target?.name) continue
    if (redirected && steps[0]?.host === name) continue
    packet = through(inventory, firewalls, name, packet, steps)
  }
  const own = target && firewalls.get(target.name)
  if (own && target !== source)
    steps.push({ host: target.name, chain: 'input', packet, ...decide(own, 'input', packet) })
  const end = steps.findIndex(s => s.verdict === 'drop')
  if (end >= 0)
    return { packet: first, steps: steps.slice(0, end + 1), verdict: 'drop', neighbours }
  const known = steps.length > 0 || neighbours || source !== undefined
  return { packet: first, steps, verdict: known ? 'accept' : 'undecided', neighbours }
}

/** From outside to a firewall that forwards this port: the packet as it leaves that firewall. */
function entering(
  inventory: Inventory,
  firewalls: ReadonlyMap<string, RuleSet>,
  packet: Packet,
  steps: Step[],
): Packet | undefined {
  const gate = holderOf(inventory, packet.to)
  const rules = gate && firewalls.get(gate.name)
  if (!rules || networkOf(inventory, packet.from)) return undefined
  const redirect = rules.redirects.find(
    ({ ports }) =>
      ports.proto === packet.proto && packet.port >= ports.first && packet.port <= ports.last,
  )
  if (!redirect) return undefined
  const port = redirect.toPort + packet.port - redirect.ports.first
  const next = { ...packet, to: redirect.to, port }
  const isVpn = (network: string) => inventory.networks.get(network)?.mode === 'wireguard'
  const masqueraded = rules.masqueradeRedirects
    ? (gate.nics.find(n => isVpn(n.network)) ?? gate.nics[0])?.address
    : undefined
  steps.push({
    host: gate.name,
    chain: 'forward',
    packet,
    redirect,
    ...decide(rules, 'forward', next, true),
    ...(masqueraded === undefined ? {} : { masqueraded }),
  })
  return masqueraded === undefined ? next : { ...next, from: masqueraded }
}

function through(
  inventory: Inventory,
  firewalls: ReadonlyMap<string, RuleSet>,
  name: string,
  packet: Packet,
  steps: Step[],
): Packet {
  const rules = firewalls.get(name)
  if (!rules) return packet
  const [from, to] = [parseIpv4(packet.from) ?? 0, parseIpv4(packet.to) ?? 0]
  const behind = (a: number): boolean => rules.masquerade.some(b => contains(b, a))
  const host = inventory.hosts.get(name)
  const masqueraded =
    behind(from) && !behind(to)
      ? (host?.nics.find(n => n.network === networkOf(inventory, packet.to)?.name) ?? host?.nics[0])
          ?.address
      : undefined
  steps.push({
    host: name,
    chain: 'forward',
    packet,
    ...decide(rules, 'forward', packet),
    ...(masqueraded === undefined ? {} : { masqueraded }),
  })
  return masqueraded === undefined ? packet : { ...packet, from: masqueraded }
}

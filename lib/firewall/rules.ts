/** Turns the inventory's flows into the rules of each host. nft.ts writes them as nftables text; path.ts finds the deciding rule for `fmc firewall explain`. */
import { TaskError } from '../errors.ts'
import { formatIpv4, parseIpv4, type Block } from '../inventory/net.ts'
import { matchHosts } from '../inventory/patterns.ts'
import type { Host, Inventory } from '../inventory/types.ts'
import {
  address,
  addressesOf,
  disjoint,
  endpoint,
  fixedAddresses,
  inside,
  isOf,
  LOOPBACK,
  sides,
  type Side,
} from './endpoint.ts'
import type { Firewall, Flow, Forward, Match, Packet, Ports, Proto } from './types.ts'
import type { Redirect, Rule, RuleSet } from './types.ts'

export type { RuleSet } from './types.ts'

/** The port of the K3s API on servers. */
const API_PORT = 6443

/** Reads 22, 22/tcp, 53/udp or 8000-8010. Throws TaskError. */
export function portsOf(text: string | number): Ports {
  const [, from = '', to = from, proto = 'tcp'] =
    /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(tcp|udp))?$/.exec(String(text)) ?? []
  const [first, last] = [Number(from), Number(to)]
  if (from === '' || first < 1 || last > 65535 || first > last)
    throw new TaskError(`${JSON.stringify(text)} is not a port such as 22, 53/udp or 8000-8010/tcp`)
  return { proto: proto as Proto, first, last }
}

const matchOf = (ports: Flow['ports']): Match =>
  ports.includes('any') ? 'any' : ports.map(portsOf)

const named = (inventory: Inventory, names: string | readonly string[]): Side[] =>
  [names].flat().map(name => endpoint(inventory, name))

const listed = (names: string | readonly string[]): string => [names].flat().join(', ')

/** The flow's name where one of its rules decides. */
const titleOf = (flow: Flow): string => flow.comment ?? `${listed(flow.from)} → ${listed(flow.to)}`

/**
 * All firewall rules of a host, in order. Pure.
 *
 * @param firewall - the variables of the role firewall for that host
 * @throws TaskError that names the flow or forward that cannot be right.
 *
 * @example
 * const rules = rulesOf(inventory(), host(), {
 *   firewall_mode: 'router',
 *   firewall_flows: [{ from: 'lan', to: host().name, ports: [22, '53/udp'] }],
 *   firewall_forwards: [],
 *   firewall_masquerade: [],
 *   firewall_log: true,
 * })
 */
export function rulesOf(inventory: Inventory, host: Host, firewall: Firewall): RuleSet {
  const own = addressesOf(inventory, host).map(address)
  const networks: Side = { is: 'in', blocks: disjoint(inside(inventory)) }
  const forwards = firewall.firewall_forwards.map((f, i) =>
    about(`firewall_forwards[${i}]`, () => redirect(inventory, f, i)),
  )
  const rules = [
    local(inventory, host),
    ...api(inventory, own),
    ...vrrp(inventory, host),
    ...(['input', 'forward'] as const).map((chain): Rule => ({
      chain,
      from: networks,
      to: chain === 'input' ? { is: 'any' } : networks,
      match: 'ping',
      verdict: 'accept',
      why: 'networks of the inventory may ping each other',
    })),
    ...[...inventory.networks.keys()].map((name): Rule => {
      const side = endpoint(inventory, name)
      const why = `neighbours in ${name}, should its bridge ask the firewall`
      return { chain: 'forward', from: side, to: side, match: 'any', verdict: 'accept', why }
    }),
    ...firewall.firewall_flows.flatMap((f, i) =>
      about(`firewall_flows[${i}]`, () => flowRules(inventory, f, i, own)),
    ),
    ...forwards.map((r): Rule => ({
      chain: 'forward',
      from: { is: 'any' },
      to: { is: 'in', blocks: [address(r.to)] },
      match: [
        { proto: r.ports.proto, first: r.toPort, last: r.toPort + r.ports.last - r.ports.first },
      ],
      verdict: 'accept',
      forwarded: true,
      why: r.why,
      forward: r.forward,
    })),
  ]
  return {
    rules,
    redirects: forwards,
    masqueradeRedirects: firewall.firewall_mode === 'vps' && forwards.length > 0,
    masquerade: disjoint(
      firewall.firewall_masquerade.flatMap(name => {
        const side = about('firewall_masquerade', () => endpoint(inventory, name))
        return side.is === 'in' ? side.blocks : []
      }),
    ),
  }
}

function about<T>(what: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof TaskError)) throw error
    throw new TaskError(`${what}: ${error.message}`, { hint: error.hint })
  }
}

function flowRules(inventory: Inventory, flow: Flow, i: number, own: readonly Block[]): Rule[] {
  const from = sides(named(inventory, flow.from))
  const to = named(inventory, flow.to)
  const match = matchOf(flow.ports)
  const make = (chain: Rule['chain'], targets: readonly Side[]): Rule[] =>
    from.flatMap(source =>
      targets.map((target): Rule => ({
        chain,
        from: source,
        to: target,
        match,
        verdict: 'accept',
        why: titleOf(flow),
        flow: i,
      })),
    )
  const mine = (b: Block): boolean => own.some(o => o.base === b.base && b.prefix === 32)
  const split = (keep: (b: Block) => boolean): Side[] =>
    to.flatMap((side): Side[] => {
      if (side.is !== 'in') return [side]
      const blocks = side.blocks.filter(keep)
      return blocks.length > 0 ? [{ is: 'in', blocks }] : []
    })
  return [
    ...make(
      'input',
      sides(split(mine)).filter(s => s.is !== 'out'),
    ),
    ...make('forward', sides(split(b => !mine(b)))),
  ]
}

/** A machine reaches itself by any of its addresses: such packets come by lo (ip(7); RFC 1122, 3.2.1.3 (g)). */
const local = (inventory: Inventory, host: Host): Rule => ({
  chain: 'input',
  from: { is: 'in', blocks: disjoint([LOOPBACK, ...fixedAddresses(inventory, host).map(address)]) },
  to: { is: 'any' },
  match: 'any',
  verdict: 'accept',
  local: true,
  why: 'from this machine itself',
})

/** Denies the K3s API to the outside, whatever the flows allow. */
function api(inventory: Inventory, own: readonly Block[]): Rule[] {
  const vips = [...inventory.vips.values()].filter(v => v.check === 'k3s')
  const members = vips.flatMap(v => matchHosts(inventory, v.backends))
  const blocks = disjoint(
    [...vips.map(v => v.address), ...members.flatMap(m => m.nics.map(n => n.address))].map(address),
  )
  if (blocks.length === 0) return []
  const ports = [...new Set([API_PORT, ...vips.flatMap(v => v.ports)])]
  const local = blocks.some(b => own.some(o => o.base === b.base))
  const chains = local ? (['input', 'forward'] as const) : (['forward'] as const)
  return chains.map(chain => ({
    chain,
    from: endpoint(inventory, 'wan'),
    to: { is: 'in', blocks },
    match: ports.map(p => ({ proto: 'tcp', first: p, last: p })),
    verdict: 'drop',
    why: 'the K3s API is for the networks of the inventory only',
  }))
}

/** Allows VRRP between the balancers of a VIP. */
function vrrp(inventory: Inventory, host: Host): Rule[] {
  const peers = [...inventory.vips.values()]
    .map(v => matchHosts(inventory, v.balancers))
    .filter(balancers => balancers.some(b => b.name === host.name))
    .flatMap(balancers => balancers.filter(b => b.name !== host.name))
    .flatMap(b => b.nics.map(nic => nic.address))
  if (peers.length === 0) return []
  const from: Side = { is: 'in', blocks: disjoint(peers.map(address)) }
  const why = 'VRRP of its fellow balancers'
  return [{ chain: 'input', from, to: { is: 'any' }, match: 'vrrp', verdict: 'accept', why }]
}

function redirect(inventory: Inventory, forward: Forward, i: number): Redirect {
  const side = endpoint(inventory, forward.to)
  const [target] = side.is === 'in' ? side.blocks : []
  if (side.is !== 'in' || side.blocks.length !== 1 || target?.prefix !== 32)
    throw new TaskError(`${forward.to} is not a single address`)
  const ports = portsOf(forward.port)
  const to = formatIpv4(target.base)
  return {
    ports,
    to,
    toPort: forward.to_port ?? ports.first,
    why: forward.comment ?? `${forward.port} → ${forward.to}:${forward.to_port ?? ports.first}`,
    forward: i,
  }
}

/**
 * What a chain does with a packet. Without a `rule` none matches, and the packet is dropped. Pure.
 *
 * @param chain - input (to the host itself) or forward
 * @param forwarded - the packet's destination was replaced by a port forward; default false
 *
 * @example
 * const admits = (rules: RuleSet): boolean =>
 *   decide(rules, 'input', { from: '10.17.3.1', to: host().address, proto: 'tcp', port: 22 })
 *     .verdict === 'accept'
 */
export function decide(
  { rules }: Pick<RuleSet, 'rules'>,
  chain: Rule['chain'],
  packet: Packet,
  forwarded = false,
): { readonly verdict: 'accept' | 'drop'; readonly rule: Rule | undefined } {
  const [from, to] = [parseIpv4(packet.from) ?? 0, parseIpv4(packet.to) ?? 0]
  const fits = (match: Match): boolean => {
    if (match === 'any') return true
    if (typeof match === 'string') return match === packet.proto
    return match.some(
      p => p.proto === packet.proto && packet.port >= p.first && packet.port <= p.last,
    )
  }
  const rule = rules.find(
    r =>
      r.chain === chain &&
      (isOf(r.from, from) || (r.local === true && packet.from === packet.to)) &&
      isOf(r.to, to) &&
      fits(r.match) &&
      (r.forwarded !== true || forwarded),
  )
  return { verdict: rule?.verdict ?? 'drop', rule }
}

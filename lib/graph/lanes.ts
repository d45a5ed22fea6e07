import { OUTSIDE, type Graph, type GraphHost } from './model.ts'

/** With more networks the lanes keep the inventory's order. */
const MOST_PERMUTED = 7

/** The first and last lane that a host reaches. */
export interface Span {
  readonly top: number
  readonly bottom: number
}

/** The names of the networks from top to bottom: in the inventory's order, but networks of one host next to each other. */
export function laneOrder(graph: Graph): string[] {
  const names = graph.networks.map(n => n.name)
  const outside = graph.hosts.some(h => h.addresses.some(a => a.network === OUTSIDE))
  const above = outside || names.length === 0 ? [OUTSIDE] : []
  if (names.length > MOST_PERMUTED) return [...above, ...names]
  const links = linksOf(graph)
  let best = names
  let least = Infinity
  for (const order of permutations(names)) {
    const price = priceOf(links, [...above, ...order], names)
    if (price < least) [best, least] = [order, price]
  }
  return [...above, ...best]
}

function* permutations(names: readonly string[]): Generator<string[]> {
  if (names.length <= 1) yield [...names]
  for (const [i, first] of names.entries())
    for (const rest of permutations(names.filter((_, k) => k !== i)))
      if (names.length > 1) yield [first, ...rest]
}

/** Networks that hosts have in common. */
interface Link {
  readonly networks: readonly string[]
  /** Networks of the VIPs that the hosts hold. */
  readonly vips: readonly string[]
  readonly hosts: number
}

function linksOf(graph: Graph): Link[] {
  const links = new Map<string, Link>()
  for (const { name, addresses, holdsVms } of graph.hosts) {
    const networks = [...new Set(addresses.map(a => a.network))]
    if (holdsVms || networks.length < 2) continue
    const vips = graph.vips.filter(v => v.balancers.includes(name)).map(v => v.network)
    const key = JSON.stringify([networks, vips])
    links.set(key, { networks, vips, hosts: 1 + (links.get(key)?.hosts ?? 0) })
  }
  return [...links.values()]
}

/** Passed lanes cost most, then a VIP below the top of its balancers, then a network that is not in its place. */
function priceOf(
  links: readonly Link[],
  order: readonly string[],
  asWritten: readonly string[],
): number {
  let price = 0
  for (const { networks, vips, hosts } of links) {
    const lanes = networks.map(network => order.indexOf(network))
    const top = Math.min(...lanes)
    price += hosts * 100 * (Math.max(...lanes) - top + 1 - lanes.length)
    price += hosts * 20 * vips.filter(network => top < order.indexOf(network)).length
  }
  const places = order.map(name => asWritten.indexOf(name)).filter(place => place >= 0)
  for (const [i, place] of places.entries())
    price += places.slice(i + 1).filter(later => later < place).length
  return price
}

/** The lanes of a host's addresses. */
export function spanOf(host: GraphHost, order: readonly string[]): Span {
  const own = host.addresses.map(a => order.indexOf(a.network)).filter(lane => lane >= 0)
  return own.length === 0
    ? { top: 0, bottom: 0 }
    : { top: Math.min(...own), bottom: Math.max(...own) }
}

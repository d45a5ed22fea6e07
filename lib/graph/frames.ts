import { spanOf, type Span } from './lanes.ts'
import type { Graph, GraphHost, GraphVip } from './model.ts'
import { pack, wish, type Item, type Packed } from './pack.ts'

/** Columns of boxes that a picture of usual width has; frames share them. */
const MOST_COLUMNS = 8
/** With more hosts in several networks side by side, a picture of tall boxes gets too wide. */
const MOST_TALL = 4

/** The hosts that stand alone, or the VMs of one hypervisor. */
export interface Frame {
  readonly hypervisor: GraphHost | undefined
  readonly hosts: readonly GraphHost[]
  /** VIPs that get a box of their own, because their balancers do not stand side by side. */
  readonly loose: readonly GraphVip[]
  /** VIPs above their balancers. */
  readonly vips: readonly GraphVip[]
  readonly packed: Packed
  /** Do hosts reach over all lanes of their addresses? Otherwise they have a chip in each further lane. */
  readonly tall: boolean
}

export const vipName = (vip: GraphVip): string => `VIP ${vip.name}`

/** The VIPs of a network that lie above their balancers, from top to bottom. */
export const stack = (frame: Frame, network: string): readonly GraphVip[] =>
  frame.vips.filter(v => v.network === network)

/** Hosts that stand alone come first, then each hypervisor with its VMs. */
export function framesOf(graph: Graph, lanes: readonly string[]): Frame[] {
  const hypervisors = graph.hosts.filter(h => h.holdsVms)
  const groups = [undefined, ...hypervisors].map(hypervisor => ({
    hypervisor,
    hosts: graph.hosts.filter(h => !h.holdsVms && h.vmOn === hypervisor?.name),
  }))
  const homeOf = (vip: GraphVip): number => {
    const homes = new Set(
      vip.balancers.map(b => groups.findIndex(g => g.hosts.some(h => h.name === b))),
    )
    const [home = -1] = homes
    return Math.max(0, home)
  }
  const drafts = groups.map((group, g) => ({
    ...group,
    vips: graph.vips.filter(vip => homeOf(vip) === g),
  }))
  const used = drafts.filter(d => d.hypervisor ?? d.hosts.length + d.vips.length > 0)
  const wishes = used.map(d => wish(itemsOf(d.hosts, d.vips, [], lanes, true), lanes.length))
  const sum = wishes.reduce((a, b) => a + b, 0)
  return used.map((draft, d) => {
    const own = wishes[d] ?? 1
    const most = sum <= MOST_COLUMNS ? own : Math.max(1, Math.round((MOST_COLUMNS * own) / sum))
    return packFrame(draft, lanes, most)
  })
}

function packFrame(
  { hypervisor, hosts, vips }: Pick<Frame, 'hypervisor' | 'hosts' | 'vips'>,
  lanes: readonly string[],
  most: number,
): Frame {
  const wide = hosts.map(h => spanOf(h, lanes)).filter(s => s.top !== s.bottom)
  const items = wide.map((span, i) => ({ ...span, name: String(i) }))
  const tall = wish(items, lanes.length) <= MOST_TALL
  let loose: GraphVip[] = []
  for (;;) {
    const above = vips.filter(v => !loose.includes(v))
    const packed = pack(itemsOf(hosts, above, loose, lanes, tall), lanes.length, most)
    const apart = above.filter(v => !standTogether(v, hosts, packed, lanes))
    if (apart.length === 0) return { hypervisor, hosts, vips: above, loose, packed, tall }
    loose = [...loose, ...apart]
  }
}

/** Balancers come first, so that they stand side by side. */
const itemsOf = (
  hosts: readonly GraphHost[],
  above: readonly GraphVip[],
  loose: readonly GraphVip[],
  lanes: readonly string[],
  tall: boolean,
): Item[] => {
  const isBalancer = (h: GraphHost): boolean => above.some(v => v.balancers.includes(h.name))
  const sorted = [...hosts.filter(isBalancer), ...hosts.filter(h => !isBalancer(h))]
  const lane = (vip: GraphVip): number => Math.max(0, lanes.indexOf(vip.network))
  return [
    ...sorted.map((host): Item => {
      const { top, bottom } = spanOf(host, lanes)
      return { name: host.name, top, bottom: tall ? bottom : top }
    }),
    ...(tall ? [] : sorted.flatMap(host => chipsOf(host, lanes))),
    ...loose.map(vip => ({ name: vipName(vip), top: lane(vip), bottom: lane(vip) })),
  ]
}

/** Do a VIP's balancers all begin in its lane, in the first row, one beside the other? */
function standTogether(
  vip: GraphVip,
  hosts: readonly GraphHost[],
  { places }: Packed,
  lanes: readonly string[],
): boolean {
  const own = hosts.filter(h => vip.balancers.includes(h.name))
  const columns = own.map(h => places.get(h.name)?.column ?? 0)
  return (
    own.length > 0 &&
    own.length === vip.balancers.length &&
    own.every(h => spanOf(h, lanes).top === lanes.indexOf(vip.network)) &&
    own.every(h => places.get(h.name)?.row === 0) &&
    Math.max(...columns) - Math.min(...columns) + 1 === own.length
  )
}

export const spanOfFrame = ({ hypervisor, hosts }: Frame, lanes: readonly string[]): Span => {
  const spans = [...(hypervisor ? [hypervisor] : []), ...hosts].map(h => spanOf(h, lanes))
  return {
    top: Math.min(...spans.map(s => s.top)),
    bottom: Math.max(...spans.map(s => s.bottom)),
  }
}

/** A host's addresses in further lanes, as items. */
export const chipsOf = (host: GraphHost, lanes: readonly string[]): Item[] => {
  const { top } = spanOf(host, lanes)
  const further = new Set(host.addresses.map(a => lanes.indexOf(a.network)).filter(l => l > top))
  return [...further].map(lane => ({ name: `${host.name} in ${lane}`, top: lane, bottom: lane }))
}

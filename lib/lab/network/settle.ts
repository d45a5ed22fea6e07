import { isRouted, type HostPlan, type Link, type Topology } from './topology.ts'

/**
 * The wiring of an edited inventory with the names of what is there already: a network keeps its bridge, a cable its port,
 * and a router its device for a network that it routes, wherever they stand in the inventory now.
 *
 * @example
 * const wiring = settle(before, topology(inventory, key))
 */
export const settle = (before: Topology, now: Topology): Topology => {
  const bridges = bridgesOf(before, now)
  const bridgeOf = ({ switchNetns, network, bridge }: Link): string =>
    bridges.get(place(switchNetns, network)) ?? bridge
  const ports = new Set(before.hosts.flatMap(h => h.links.map(l => l.port)))
  return {
    ...now,
    switches: now.switches.map(s => ({
      ...s,
      bridge: bridges.get(place(s.netns, s.network)) ?? s.bridge,
    })),
    hosts: now.hosts.map(host => {
      const old = before.hosts.find(b => b.name === host.name)
      const settled = host.links.map(link => {
        const was = old?.links.find(o => isSame(o, link))
        const port = was?.port ?? unused(ports, link.port, n => `q${n}`)
        ports.add(port)
        return { ...link, bridge: bridgeOf(link), port }
      })
      return { ...host, links: withDevices(settled, old) }
    }),
  }
}

const place = (netns: string, network: string): string => `${netns} ${network}`

const isSame = (a: Link, b: Link): boolean =>
  a.network === b.network && a.switchNetns === b.switchNetns && isRouted(a) === isRouted(b)

const bridgesOf = (before: Topology, now: Topology): ReadonlyMap<string, string> => {
  const was = new Map(before.switches.map(s => [place(s.netns, s.network), s.bridge]))
  const taken = new Set(before.switches.map(s => place(s.netns, s.bridge)))
  return new Map(
    now.switches.map(({ netns, network, bridge }) => {
      const known = was.get(place(netns, network))
      if (known !== undefined) return [place(netns, network), known]
      let name = bridge
      for (let n = 0; taken.has(place(netns, name)); n++) name = `br${n}`
      taken.add(place(netns, name))
      return [place(netns, network), name]
    }),
  )
}

/** The devices of cables that lead to routed networks: those of before, and for new ones names that no other has. */
const withDevices = (links: readonly Link[], old: HostPlan | undefined): Link[] => {
  const kept = (link: Link): string | undefined =>
    isRouted(link) ? old?.links.find(o => isSame(o, link))?.device : link.device
  const taken = new Set([
    ...links.flatMap(l => kept(l) ?? []),
    ...(old?.links ?? []).map(l => l.device),
  ])
  if (old === undefined) return [...links]
  return links.map(link => {
    const device = kept(link) ?? unused(taken, link.device, n => `eth${n}`)
    taken.add(device)
    return { ...link, device }
  })
}

const unused = (taken: ReadonlySet<string>, first: string, nth: (n: number) => string): string => {
  let name = first
  for (let n = 0; taken.has(name); n++) name = nth(n)
  return name
}

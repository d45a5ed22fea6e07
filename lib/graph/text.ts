import { table } from '../report/table.ts'
import { sectionOf, type Graph, type GraphFlow } from './model.ts'
import { OUTSIDE } from './model.ts'

/** The graph for a terminal: networks with their VIPs and hosts, groups, flows. Ends without a newline. */
export function graphText(graph: Graph): string {
  return [
    ...graph.networks.flatMap(network => {
      const gateway =
        network.gateway === undefined
          ? ''
          : `, gateway ${network.gateway}${network.router === undefined ? '' : ` (${network.router})`}`
      return [
        `${network.name}  ${network.cidr}, ${network.mode}${gateway}`,
        ...members(graph, network.name),
        '',
      ]
    }),
    ...section('outside: in none of the networks', members(graph, OUTSIDE)),
    ...section('groups', table(graph.groups.map(g => ['', g.name, g.hosts.join(' ')]))),
    ...[...new Set(graph.flows.map(sectionOf))].flatMap(title =>
      section(
        title,
        table(graph.flows.filter(f => sectionOf(f) === title).map(f => ['', ...flowRow(f)])),
      ),
    ),
  ]
    .join('\n')
    .trimEnd()
}

const section = (title: string, lines: readonly string[]): string[] =>
  lines.length === 0 ? [] : [title, ...lines, '']

const flowRow = ({ kind, from, to, ports, comment }: GraphFlow): string[] => [
  `${from.join(', ')} → ${to.join(', ')}`,
  ports.join(', '),
  comment ?? (kind === 'forwarded' ? 'forwarded' : ''),
]

const members = (graph: Graph, network: string): string[] =>
  table([
    ...graph.vips
      .filter(v => v.network === network)
      .map(v => [
        '',
        `VIP ${v.name}`,
        v.address,
        `ports ${v.ports.join(', ')} on ${v.balancers.join(', ')}`,
      ]),
    ...graph.hosts.flatMap(h =>
      h.addresses
        .filter(a => a.network === network)
        .map(a => [
          '',
          h.name,
          a.address,
          [h.os, h.size, h.vmOn === undefined ? '' : `VM of ${h.vmOn}`, a.gateway ? 'gateway' : '']
            .filter(Boolean)
            .join(', '),
        ]),
    ),
  ])

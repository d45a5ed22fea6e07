import { disjoint, showBlock, type Side } from './endpoint.ts'
import type { Outer, OuterRule } from './outer.ts'
import type { Ports } from './types.ts'
import { WAN } from './zones.ts'

/**
 * Products that a person configures by their web pages, and what these pages are called: Netgate's documentation
 * (docs.netgate.com/pfsense: "Static Routes", "Port Forwards", "Aliases", "Rule Methodology", "Static Route Filtering") and
 * OPNsense's (docs.opnsense.org/manual: "Gateways", "Aliases", "Rules", "Network Address Translation", "Settings").
 */
export const PRODUCTS = {
  pfsense: {
    name: 'pfSense',
    routes: 'System > Routing: the router as a gateway first, then Static Routes',
    aliases: 'Firewall > Aliases',
    forwards:
      'Firewall > NAT > Port Forward; "Filter rule association: None", as the rules are below',
    rules: 'Firewall > Rules, the tab of the interface',
    bypass:
      'System > Advanced > Firewall & NAT: "Bypass firewall rules for traffic on the same interface"',
  },
  opnsense: {
    name: 'OPNsense',
    routes:
      'System > Gateways > Configuration for the router first, then System > Routes > Configuration',
    aliases: 'Firewall > Aliases',
    forwards:
      'Firewall > NAT > Port Forward (from 26.1 on: Destination NAT); "Filter rule association: None", as the rules are below',
    rules: 'Firewall > Rules, the page of the interface',
    bypass:
      'Firewall > Settings > Advanced, Static route filtering: "Bypass firewall rules for traffic on the same interface"',
  },
} as const

export type Product = keyof typeof PRODUCTS

/** A name for several addresses or ports: a rule takes one of each. */
export interface Alias {
  readonly name: string
  readonly kind: 'networks' | 'ports'
  readonly content: readonly string[]
}

/** A rule as a form has it: every field one value, or the name of an alias. */
export interface FormRule {
  readonly action: 'pass' | 'block'
  readonly interface: string
  readonly protocol: 'tcp' | 'udp' | 'any'
  readonly source: string
  readonly destination: string
  /** Empty: every port. */
  readonly port: string
  readonly why: string
  readonly of: OuterRule['of']
}

/** Both take letters, digits and underscores, up to 31 (pfSense) or 32 of them. */
const NAME_MAX = 31

/** The rules in the fields of a form, with the aliases that they need. Pure. */
export function forms(outer: Outer): { readonly aliases: Alias[]; readonly rules: FormRule[] } {
  const aliases: Alias[] = []
  const named = (kind: Alias['kind'], wish: string, content: readonly string[]): string => {
    const same = aliases.find(a => a.kind === kind && a.content.join() === content.join())
    if (same) return same.name
    const base = `fmc_${wish}`
      .replace(/\W+/g, '_')
      .slice(0, NAME_MAX - 3)
      .replace(/_$/, '')
    const name = [base, ...Array.from({ length: 98 }, (_, i) => `${base}_${i + 2}`)].find(
      n => !aliases.some(a => a.name === n),
    )
    aliases.push({ name: name ?? base, kind, content })
    return name ?? base
  }
  const side = (s: Side, wish: string): string => {
    if (s.is === 'any') return 'any'
    const blocks = disjoint(s.blocks).map(showBlock)
    const text = blocks.length === 1 ? (blocks[0] ?? '') : named('networks', wish, blocks)
    return s.is === 'out' ? `! ${text}` : text
  }
  const rules = outer.rules.flatMap(rule => {
    const [from, to] = [wishOf(rule, 'from'), wishOf(rule, 'to')]
    return portsOf(rule, named).map(({ protocol, port }) => ({
      ...{ action: rule.action, interface: rule.interface, protocol },
      ...{ source: side(rule.from, from), destination: side(rule.to, to), port },
      ...{ why: rule.why, of: rule.of },
    }))
  })
  return { aliases, rules }
}

/** The words of the inventory, where the flow has no comment of its own. */
const wishOf = (rule: OuterRule, which: 'from' | 'to'): string => {
  if (rule.of === undefined) return 'k3s_api'
  if (rule[which].is === 'out') return 'inside'
  const [from = '', to = ''] = rule.why.split(' → ')
  return to !== '' ? (which === 'from' ? from : to) : `${which}_${rule.why}`
}

const range = ({ first, last }: Ports): string =>
  first === last ? String(first) : `${first}:${last}`

function portsOf(
  { match }: OuterRule,
  named: (kind: 'ports', wish: string, content: readonly string[]) => string,
): { protocol: FormRule['protocol']; port: string }[] {
  if (match === 'any') return [{ protocol: 'any', port: '' }]
  return (['tcp', 'udp'] as const).flatMap(protocol => {
    const ports = [...new Set(match.filter(m => m.proto === protocol).map(range))]
    if (ports.length === 0) return []
    const port =
      ports.length === 1 ? (ports[0] ?? '') : named('ports', `ports_${ports.join('_')}`, ports)
    return [{ protocol, port }]
  })
}

/** Where a flow stands: FILE:LINE. */
export type PlaceOf = (of: NonNullable<OuterRule['of']>) => string | undefined

/** What to enter on the pages of a product, for people; ends without a newline. */
export function outerText(outer: Outer, product: Product, placeOf: PlaceOf): string {
  const pages = PRODUCTS[product]
  const { aliases, rules } = forms(outer)
  const because = (why: string, of: OuterRule['of']): string => {
    const place = of && placeOf(of)
    return place === undefined ? why : `${why} (${place})`
  }
  const interfaces = [...new Set(rules.map(r => r.interface))]
  const section = (title: string, rows: readonly (readonly string[])[]): string[] =>
    rows.length === 0 ? [] : ['', title, ...columns(rows)]
  const remarks = [
    ...outer.remarks,
    ...(outer.rules.some(r => r.hairpin)
      ? [
          `connections that leave by the interface that they came by are answered past this firewall, which then drops them as it does not see both ways: ${pages.bypass}. It filters none of them then: the router behind it has to (role firewall)`,
        ]
      : []),
  ]
  return [
    `${pages.name} at ${outer.gateways.map(g => `${g.address} (${g.network})`).join(', ')}: what it has to let through; it blocks everything else`,
    ...section(
      pages.routes,
      outer.routes.map(r => [r.to, `via ${r.via}`, `${r.network}, behind ${r.host}`]),
    ),
    ...section(
      pages.aliases,
      aliases.map(a => [a.name, a.kind, a.content.join(', ')]),
    ),
    ...section(
      pages.forwards,
      outer.forwards.map(f => [
        `${f.ports.proto} ${range(f.ports)}`,
        `to ${f.to}`,
        because(f.why, f.of),
      ]),
    ),
    ...(interfaces.length === 0 ? [] : ['', `${pages.rules}; the first that fits decides`]),
    ...interfaces.flatMap(name => [
      `  ${titleOf(outer, name)}`,
      ...columns(
        rules
          .filter(r => r.interface === name)
          .map(r => [
            r.action,
            r.protocol,
            r.source,
            `→ ${r.destination}`,
            r.port || 'any port',
            because(r.why, r.of),
          ]),
      ).map(line => `  ${line}`),
    ]),
    ...(remarks.length === 0 ? [] : ['', 'Also', ...remarks.map(text => `  - ${text}`)]),
  ].join('\n')
}

const titleOf = ({ gateways }: Outer, name: string): string => {
  const gateway = gateways.find(g => g.network === name)
  if (name === WAN) return 'WAN'
  return gateway ? `the interface with ${gateway.address} (${name})` : `the interface of ${name}`
}

const columns = (rows: readonly (readonly string[])[]): string[] => {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map(r => r[i]?.length ?? 0)))
  return rows.map(r => `  ${r.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  ')}`.trimEnd())
}

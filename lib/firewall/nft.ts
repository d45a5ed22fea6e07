import type { Host, Inventory } from '../inventory/types.ts'
import { showBlock, type Side } from './endpoint.ts'
import { rulesOf } from './rules.ts'
import type { Firewall, Match, Ports, Rule, RuleSet } from './types.ts'

/** The kernel refuses longer comments (NFTNL_UDATA_COMMENT_MAXLEN is 128 with the NUL). */
const COMMENT_MAX = 120

/** ICMPv6 messages without which IPv6 finds no neighbours and no route. */
const ND = 'nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert, mld-listener-query'

const set = (items: readonly string[]): string =>
  items.length === 1 ? (items[0] ?? '') : `{ ${items.join(', ')} }`

const side = (word: 'saddr' | 'daddr', s: Side): string[] =>
  s.is === 'any' ? [] : [`ip ${word} ${s.is === 'out' ? '!= ' : ''}${set(s.blocks.map(showBlock))}`]

const range = ({ first, last }: Ports): string =>
  first === last ? String(first) : `${first}-${last}`

/** One text per protocol: a set of ports belongs to one protocol. */
function match(m: Match): readonly string[] {
  if (m === 'any') return ['']
  if (m === 'ping') return ['icmp type echo-request']
  if (m === 'vrrp') return ['ip protocol vrrp']
  return (['tcp', 'udp'] as const).flatMap(proto => {
    const ports = m.filter(p => p.proto === proto).toSorted((a, b) => a.first - b.first)
    return ports.length === 0 ? [] : [`${proto} dport ${set(merged(ports).map(range))}`]
  })
}

/** Overlapping ranges as one: the elements of an nft set may not overlap. */
const merged = (sorted: readonly Ports[]): readonly Ports[] =>
  sorted.reduce<Ports[]>((done, next) => {
    const before = done.at(-1)
    if (!before || next.first > before.last) return [...done, next]
    return [...done.slice(0, -1), { ...before, last: Math.max(before.last, next.last) }]
  }, [])

const comment = (text: string): string =>
  ` comment "${text
    .normalize('NFKD')
    .replace(/→/g, '->')
    .replace(/[^ -~]|["\\]/g, '')
    .slice(0, COMMENT_MAX)}"`

const lines = (rule: Rule): string[] => {
  if (rule.local) return [`iif lo ${rule.verdict}`]
  return match(rule.match).map(
    text =>
      [
        ...(rule.forwarded ? ['ct status dnat'] : []),
        ...side('saddr', rule.from),
        ...side('daddr', rule.to),
        ...(text === '' ? [] : [text]),
        rule.verdict,
      ].join(' ') + comment(rule.why),
  )
}

const chain = (name: string, kind: string, body: readonly string[]): string =>
  `\tchain ${name} {\n${[kind, ...body].map(l => `\t\t${l}\n`).join('')}\t}\n`

/** `fib …` drops forged sources: those whose route does not lead back through the device that the packet came in by. */
const START = [
  'ct state established,related accept',
  'ct state invalid drop',
  'fib saddr . iif oif missing drop comment "came by a device that does not lead back to its source"',
]

function filter(name: 'input' | 'forward', set_: RuleSet, first: string[], log: boolean): string {
  const rules = set_.rules.filter(r => r.chain === name)
  const [local, others] = [rules.filter(r => r.local), rules.filter(r => !r.local)]
  const end = log ? [`limit rate 10/second log prefix "fmc dropped ${name}: "`] : []
  return chain(name, `type filter hook ${name} priority filter; policy drop;`, [
    ...START,
    ...local.flatMap(lines),
    ...first,
    ...others.flatMap(lines),
    ...end,
  ])
}

/** Lets in answers to a DHCP client: connection tracking does not relate them to its requests. */
const dhcp = ({ firewall_wan: wan }: Firewall): string[] =>
  wan === undefined ? [] : [`iifname "${wan}" udp sport 67 udp dport 68 accept`]

function nat(rules: RuleSet, firewall: Firewall): string[] {
  const redirects = rules.redirects.map(({ ports, to, toPort, why }) => {
    const target = ports.first === ports.last ? `${to}:${toPort}` : to
    return `iifname "${firewall.firewall_wan ?? ''}" ${ports.proto} dport ${range(ports)} dnat ip to ${target}${comment(why)}`
  })
  const blocks = set(rules.masquerade.map(showBlock))
  const leaving = [
    ...(rules.masquerade.length > 0 ? [`ip saddr ${blocks} ip daddr != ${blocks} masquerade`] : []),
    // The target has a default route of its own; masqueraded, its answers still come back this way.
    ...(rules.masqueradeRedirects ? ['ct status dnat masquerade'] : []),
  ]
  return [
    ...(redirects.length > 0
      ? [chain('prerouting', 'type nat hook prerouting priority dstnat; policy accept;', redirects)]
      : []),
    ...(leaving.length > 0
      ? [chain('postrouting', 'type nat hook postrouting priority srcnat; policy accept;', leaving)]
      : []),
  ]
}

/**
 * The text of /etc/nftables/fmc.nft for a host: one table that replaces the old one in one transaction. It is declared
 * before it is deleted, because nft 1.0.6 has no `destroy table`. Pure.
 *
 * @param firewall - the variables of the role firewall for that host
 * @throws TaskError as `rulesOf` does.
 *
 * @example
 * const text = nftText(inventory(), host(), {
 *   firewall_mode: 'router',
 *   firewall_flows: [{ from: 'lan', to: 'all', ports: ['any'] }],
 *   firewall_forwards: [],
 *   firewall_masquerade: ['lan'],
 *   firewall_log: false,
 * })
 */
export function nftText(inventory: Inventory, host: Host, firewall: Firewall): string {
  const rules = rulesOf(inventory, host, firewall)
  const log = firewall.firewall_log
  return `# Made by fmc from the flows in the inventory; changes here are lost. Which rule decides: fmc firewall explain.
table inet fmc
delete table inet fmc
table inet fmc {
${[
  filter('input', rules, [`icmpv6 type { ${ND} } accept`, ...dhcp(firewall)], log),
  filter('forward', rules, [], log),
  ...nat(rules, firewall),
].join('\n')}}
`
}

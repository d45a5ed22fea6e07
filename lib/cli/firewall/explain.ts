import { EXIT, UsageError } from '../../errors.ts'
import {
  endsOf,
  explain,
  holderOf,
  networkOf,
  type Explanation,
  type Step,
} from '../../firewall/path.ts'
import { portsOf } from '../../firewall/rules.ts'
import type { Packet } from '../../firewall/types.ts'
import type { Inventory } from '../../inventory/types.ts'
import { safeJson } from '../../text/sanitise.ts'
import { jsonLines } from '../json-lines.ts'
import type { InventoryOptions, OutputOptions } from '../options.ts'
import { print } from '../print.ts'
import { asUsage, firewallsOf, placesOf, type Declared, type Place } from './model.ts'

/** Options of `fmc firewall explain`. */
export interface ExplainOptions extends InventoryOptions, OutputOptions {
  readonly json?: boolean
}

/** The exit code is 0 whether the connection is allowed or not. */
export async function printExplanation(
  from: string,
  to: string,
  port: string,
  o: ExplainOptions,
): Promise<number> {
  const { openContext } = await import('../context.ts')
  const { inventory } = await openContext(o, undefined)
  const [source, target] = asUsage(() => endsOf(inventory, from, to))
  const packet = { from: source, to: target, ...asUsage(() => portOf(port)) }
  const firewalls = await firewallsOf(inventory, o.inventory)
  const sets = new Map([...firewalls].map(([name, { rules }]) => [name, rules]))
  const answer = explain(inventory, sets, packet)
  const where = await placesOf(o.inventory, inventory)
  if (o.output === 'json') jsonLines([{ type: 'explanation', ...data(answer, where) }])
  else print(o.json ? safeJson(data(answer, where), 2) : text(inventory, answer, where))
  return EXIT.ok
}

function portOf(text: string): Pick<Packet, 'proto' | 'port'> {
  if (text === 'ping') return { proto: 'ping', port: 0 }
  const { proto, first, last } = portsOf(text)
  if (first !== last) throw new UsageError(`${text}: one port at a time`)
  return { proto, port: first }
}

const named = (inventory: Inventory, address: string): string => {
  const vip = [...inventory.vips.values()].find(v => v.address === address)
  const name = vip ? `VIP ${vip.name}` : holderOf(inventory, address)?.name
  const of = [name, networkOf(inventory, address)?.name ?? 'wan'].filter(Boolean)
  return `${address} (${of.join(', ')})`
}

const port = ({ proto, port: number }: Packet): string =>
  proto === 'ping' ? 'ping' : `${number}/${proto}`

const VERDICTS = {
  accept: 'allowed',
  drop: 'dropped',
  undecided: 'undecided: a router that is not in the inventory decides',
}

function text(
  inventory: Inventory,
  { packet, steps, verdict, neighbours }: Explanation,
  where: Place,
): string {
  const width = Math.max(0, ...steps.map(s => s.host.length))
  const line = (step: Step): string => {
    const place = where(declared(step))
    const why = step.rule
      ? `${step.rule.why}${place === undefined ? '' : ` (${place})`}`
      : 'no flow allows it'
    const turned = step.redirect
      ? `; goes on to ${step.redirect.to}:${step.redirect.toPort}`
      : step.masqueraded === undefined
        ? ''
        : `; goes on from ${step.masqueraded}`
    return `  ${step.host.padEnd(width)}  ${step.chain.padEnd(7)}  ${step.verdict}: ${why}${step.verdict === 'accept' ? turned : ''}`
  }
  const noFirewall = neighbours
    ? '  neighbours: no router is between them, and fmc manages no firewall on the target'
    : '  fmc manages no firewall on the way'
  return [
    `${named(inventory, packet.from)} → ${named(inventory, packet.to)}, ${port(packet)}`,
    ...(steps.length > 0 ? steps.map(line) : [noFirewall]),
    VERDICTS[verdict],
  ].join('\n')
}

const declared = ({ host, rule }: Step): Declared => ({
  host,
  flow: rule?.flow,
  forward: rule?.forward,
})

const data = ({ packet, steps, verdict }: Explanation, where: Place): object => ({
  ...packet,
  verdict: VERDICTS[verdict],
  steps: steps.map(step => ({
    host: step.host,
    chain: step.chain,
    verdict: step.verdict,
    why: step.rule?.why ?? 'no flow allows it',
    place: where(declared(step)),
    to: step.redirect && `${step.redirect.to}:${step.redirect.toPort}`,
    from: step.masqueraded,
  })),
})

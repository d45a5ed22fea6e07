import { EXIT, UsageError } from '../../errors.ts'
import {
  endsOf,
  explain,
  holderOf,
  networkOf,
  type Explanation,
  type Step,
} from '../../firewall/path.ts'
import { portsOf, rulesOf, type Firewall, type Packet, type RuleSet } from '../../firewall/rules.ts'
import { locateVar } from '../../inventory/role-vars.ts'
import type { Inventory } from '../../inventory/types.ts'
import { safeJson } from '../../report/sanitise.ts'
import { openContext } from '../context.ts'
import { loadRole } from '../load.ts'

export interface ExplainOptions {
  readonly inventory: string
  readonly extraVars?: string[] | undefined
  readonly json?: boolean
}

/** `fmc firewall explain`: the text to print. Exit code 0 whatever the answer is. Throws UsageError. */
export async function explainCommand(
  from: string,
  to: string,
  port: string,
  o: ExplainOptions,
): Promise<{ text: string; exitCode: number }> {
  const { inventory } = await openContext(o, undefined)
  const [source, target] = asUsage(() => endsOf(inventory, from, to))
  const packet = { from: source, to: target, ...asUsage(() => portOf(port)) }
  const answer = explain(inventory, await firewalls(inventory, o.inventory), packet)
  const where = await placesOf(o.inventory, inventory)
  return {
    text: o.json ? json(answer, where) : text(inventory, answer, where),
    exitCode: EXIT.ok,
  }
}

/** An error about something on the command line. */
function asUsage<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    const { message, hint } = error as Error & { hint?: string }
    throw new UsageError(message, { hint })
  }
}

function portOf(text: string): Pick<Packet, 'proto' | 'port'> {
  if (text === 'ping') return { proto: 'ping', port: 0 }
  const { proto, first, last } = portsOf(text)
  if (first !== last) throw new UsageError(`${text}: one port at a time`)
  return { proto, port: first }
}

/** The rules of every host that has flows. */
async function firewalls(inventory: Inventory, file: string): Promise<Map<string, RuleSet>> {
  const { vars } = await loadRole('firewall', file)
  const found = new Map<string, RuleSet>()
  for (const host of inventory.hosts.values()) {
    if (host.vars['firewall_flows'] === undefined) continue
    const parsed = vars.safeParse(own(vars.shape, host.vars))
    if (!parsed.success)
      throw new UsageError(`the firewall's variables of ${host.name} are not right`, {
        hint: 'fmc lint says what is wrong',
      })
    const rules = asUsage(() => rulesOf(inventory, host, parsed.data as unknown as Firewall))
    found.set(host.name, rules)
  }
  return found
}

const own = (shape: object, vars: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(vars).filter(([key]) => Object.hasOwn(shape, key)))

type Place = (step: Step) => string | undefined

/** file:line of what a rule was made from. */
async function placesOf(file: string, inventory: Inventory): Promise<Place> {
  const { readInventory } = await import('../../inventory/load.ts')
  const { raw, source } = await readInventory(file)
  return ({ host: name, rule }) => {
    const [variable, index] =
      rule?.flow === undefined
        ? (['firewall_forwards', rule?.forward] as const)
        : (['firewall_flows', rule.flow] as const)
    const host = inventory.hosts.get(name)
    const path = raw && host && locateVar(raw, host.groups, name, variable)
    if (index === undefined || !path) return undefined
    return `${file}:${source.at([...path, index]).line}`
  }
}

const words = (inventory: Inventory, address: string): string => {
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
  undecided: 'undecided: that is up to a router which is not in the inventory',
}

function text(
  inventory: Inventory,
  { packet, steps, verdict, neighbours }: Explanation,
  where: Place,
): string {
  const width = Math.max(0, ...steps.map(s => s.host.length))
  const line = (step: Step): string => {
    const place = where(step)
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
  const nobody = neighbours
    ? '  neighbours: no router is between them, and the target has no firewall of fmc'
    : "  no firewall of fmc's is on the way"
  return [
    `${words(inventory, packet.from)} → ${words(inventory, packet.to)}, ${port(packet)}`,
    ...(steps.length > 0 ? steps.map(line) : [nobody]),
    VERDICTS[verdict],
  ].join('\n')
}

const json = ({ packet, steps, verdict }: Explanation, where: Place): string =>
  safeJson(
    {
      ...packet,
      verdict: VERDICTS[verdict],
      steps: steps.map(step => ({
        host: step.host,
        chain: step.chain,
        verdict: step.verdict,
        why: step.rule?.why ?? 'no flow allows it',
        place: where(step),
        to: step.redirect && `${step.redirect.to}:${step.redirect.toPort}`,
        from: step.masqueraded,
      })),
    },
    2,
  )

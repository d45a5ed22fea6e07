import { Option } from 'commander'
import { EXIT, UsageError } from '../../errors.ts'
import {
  endsOf,
  explain,
  holderOf,
  networkOf,
  type Explanation,
  type Step,
} from '../../firewall/path.ts'
import { portsOf, rulesOf } from '../../firewall/rules.ts'
import type { Firewall, Packet, RuleSet } from '../../firewall/types.ts'
import type { Inventory } from '../../inventory/types.ts'
import { quote } from '../../shell/quote.ts'
import { safeJson } from '../../text/sanitise.ts'
import { jsonLines } from '../json-lines.ts'
import { extraVarsOption, inventoryOption, outputOption } from '../options.ts'
import type { AddCommand, InventoryOptions, OutputOptions } from '../options.ts'
import { print } from '../print.ts'

interface ExplainOptions extends InventoryOptions, OutputOptions {
  readonly json?: boolean
}

/** `fmc firewall explain FROM TO PORT`: which rule decides on a connection. No host is contacted. */
export const firewall: AddCommand = (program, run) => {
  program
    .command('firewall')
    .description('who may reach whom, as the inventory declares it; contacts no host')
    .command('explain <from> <to> <port>')
    .description(
      'which rule decides on a new connection, host by host on its way. FROM and TO: a host, VIP, network, address or `wan`; PORT: 443, 53/udp or ping',
    )
    .addOption(inventoryOption())
    .addOption(extraVarsOption())
    .addOption(outputOption())
    .addOption(new Option('--json', 'as one JSON value').hideHelp())
    .option('--lab', 'accepted as in other commands; the lab has the same inventory')
    .action((from: string, to: string, port: string, o: ExplainOptions) =>
      run(printExplanation(from, to, port, o)),
    )
}

/** The exit code is 0 whether the connection is allowed or not. */
async function printExplanation(
  from: string,
  to: string,
  port: string,
  o: ExplainOptions,
): Promise<number> {
  const { openContext } = await import('../context.ts')
  const { inventory } = await openContext(o, undefined)
  const [source, target] = asUsage(() => endsOf(inventory, from, to))
  const packet = { from: source, to: target, ...asUsage(() => portOf(port)) }
  const answer = explain(inventory, await ruleSets(inventory, o.inventory), packet)
  const where = await placesOf(o.inventory, inventory)
  if (o.output === 'json') jsonLines([{ type: 'explanation', ...data(answer, where) }])
  else print(o.json ? safeJson(data(answer, where), 2) : text(inventory, answer, where))
  return EXIT.ok
}

/** Makes errors about names and ports on the command line usage errors. */
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
async function ruleSets(inventory: Inventory, file: string): Promise<Map<string, RuleSet>> {
  const { loadRole } = await import('../load.ts')
  const { vars } = await loadRole('firewall', file)
  const found = new Map<string, RuleSet>()
  for (const host of inventory.hosts.values()) {
    if (host.vars['firewall_flows'] === undefined) continue
    const parsed = vars.safeParse(own(vars.shape, host.vars))
    if (!parsed.success)
      throw new UsageError(`the firewall variables of ${host.name} are wrong`, {
        hint: `fmc lint -i ${quote(file)}   # says what is wrong`,
      })
    const rules = asUsage(() => rulesOf(inventory, host, parsed.data as unknown as Firewall))
    found.set(host.name, rules)
  }
  return found
}

const own = (shape: object, vars: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(vars).filter(([key]) => Object.hasOwn(shape, key)))

type Place = (step: Step) => string | undefined

/** Finds the file:line of the flow or forward that a rule was made from. */
async function placesOf(file: string, inventory: Inventory): Promise<Place> {
  const [{ readInventory }, { locateVar }] = await Promise.all([
    import('../../inventory/load.ts'),
    import('../../inventory/role-vars.ts'),
  ])
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
  const noFirewall = neighbours
    ? '  neighbours: no router is between them, and fmc manages no firewall on the target'
    : '  fmc manages no firewall on the way'
  return [
    `${named(inventory, packet.from)} → ${named(inventory, packet.to)}, ${port(packet)}`,
    ...(steps.length > 0 ? steps.map(line) : [noFirewall]),
    VERDICTS[verdict],
  ].join('\n')
}

const data = ({ packet, steps, verdict }: Explanation, where: Place): object => ({
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
})

import { EXIT, UsageError } from '../../errors.ts'
import { differs, foundBy, listensOn, type Found } from '../../firewall/found.ts'
import { probesOf, type Outside, type Probe } from '../../firewall/probes.ts'
import { parseIpv4 } from '../../inventory/net.ts'
import type { Inventory } from '../../inventory/types.ts'
import { insideLab } from '../../lab/index.ts'
import { hostsOf } from '../limit.ts'
import { jsonLines } from '../json-lines.ts'
import { positive, type HostsOptions } from '../options.ts'
import { print, printError } from '../print.ts'
import { listeningOn, tryFrom } from './ask.ts'
import { asUsage, firewallsOf, placesOf } from './model.ts'
import { probeText, summaryOf } from './probe-text.ts'

/** Options of `fmc firewall probe`. */
export interface ProbeOptions extends HostsOptions {
  readonly sample: string
  readonly timeout: string
  readonly outside?: string | undefined
  readonly limit?: readonly string[] | undefined
}

/** A probe, and what came of it; `found` is undefined if its host could not try it. */
export interface Result extends Probe {
  readonly found: Found | undefined
  readonly differs: boolean | undefined
}

/** Above, a shell script would become too long. */
const MOST = 5000

/** Tries the flows, prints what differs from the declaration, and resolves with the exit code. */
export async function runProbes(o: ProbeOptions): Promise<number> {
  const [{ openContext }, { onEach }] = await Promise.all([
    import('../context.ts'),
    import('../on-hosts.ts'),
  ])
  const [sample, seconds] = [sampleOf(o.sample), positive('--timeout', o.timeout)]
  const outside = o.outside === undefined ? undefined : outsideOf(o.outside)
  const context = await openContext(o, await insideLab())
  const { inventory } = context
  const firewalls = await firewallsOf(inventory, o.inventory)
  if (firewalls.size === 0)
    throw new UsageError('no host has firewall_flows: nothing is declared that could be tried', {
      hint: 'fmc doc firewall',
    })
  const hosts = hostsOf(inventory, 'all', o)
  const listening = new Map<string, ReadonlySet<string>>()
  const reached = new Set<string>()
  const asked = await onEach(context, hosts, o.forks, async (host, session) => {
    reached.add(host.name)
    const sockets = await listeningOn(session)
    if (sockets) listening.set(host.name, sockets)
    return EXIT.ok
  })
  const plan = asUsage(() => probesOf(inventory, firewalls, listening, { sample, outside, hosts }))
  const seen = new Map<Probe, Found>()
  const own = (name: string): Probe[] => plan.probes.filter(p => p.from === name).slice(0, MOST)
  const sources = hosts.filter(h => reached.has(h.name) && own(h.name).length > 0)
  printError(`trying ${plan.probes.length} connections from ${sources.length} hosts`)
  const tried = await onEach(context, sources, o.forks, async (host, session) => {
    const probes = own(host.name)
    const answers = await tryFrom(session, probes, seconds)
    for (const [i, probe] of probes.entries())
      if (answers.has(i))
        seen.set(
          probe,
          foundBy(answers.get(i), probe, listens(inventory, listening, probe, outside)),
        )
    return EXIT.ok
  })
  const results = plan.probes.map((probe): Result => {
    const found = seen.get(probe)
    return { ...probe, found, differs: found && differs(probe, found) }
  })
  await show(o, inventory, results, plan.untried)
  if (results.some(r => r.differs)) return EXIT.failed
  return Math.max(asked, tried)
}

/** Does a program listen where a probe leads? Undefined: the host could not be asked, or no balancer has the VIP. */
function listens(
  inventory: Inventory,
  listening: ReadonlyMap<string, ReadonlySet<string>>,
  probe: Probe,
  outside: Outside | undefined,
): boolean | undefined {
  if (probe.target === outside?.address) return true
  const set = inventory.vips.has(probe.to)
    ? [...listening.values()].find(own => own.has(`@${probe.target}`))
    : listening.get(probe.to)
  return set && listensOn(set, probe)
}

const show = async (
  o: ProbeOptions,
  inventory: Inventory,
  results: readonly Result[],
  untried: readonly string[],
): Promise<void> => {
  const where = await placesOf(o.inventory, inventory)
  if (o.output !== 'json') return print(probeText(results, untried, where))
  jsonLines([
    ...results.map(({ of, ...result }) => ({ type: 'probe', ...result, place: where(of) })),
    ...untried.map(text => ({ type: 'untried', text })),
    { type: 'summary', ...summaryOf(results) },
  ])
}

const sampleOf = (text: string): number => {
  if (/^\d{1,5}$/.test(text)) return Number(text)
  throw new UsageError(`--sample ${text}: expected a number of connections`)
}

const outsideOf = (text: string): Outside => {
  const [, address = '', port = ''] = /^(.*):(\d{1,5})$/.exec(text) ?? []
  if (parseIpv4(address) === undefined || Number(port) < 1 || Number(port) > 65_535)
    throw new UsageError(`--outside ${text}: expected ADDRESS:PORT, such as 198.51.100.1:443`)
  return { address, port: Number(port) }
}

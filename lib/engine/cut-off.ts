import { UnreachableError } from '../errors.ts'
import type { Host } from '../inventory/types.ts'
import { onTheWay, type Way } from './host/on-the-way.ts'
import { failureEventsOf, plannedEvent } from './plan-events.ts'
import { hasWorkOn, planHost, type Plan } from './plan.ts'
import { EnginePass } from './role/pass.ts'
import type { Run } from './settings.ts'

/**
 * Decides about hosts that did not answer, once all others are planned. A host may be cut off by what is wrong on the host
 * that routes its network, or on which it runs. If the plan changes that one in an earlier play, a run makes these changes
 * and then goes on with the host (`cutOff`); a dry run names them. All others are unreachable.
 */
export function judgeSilent(run: Run, plan: Plan): void {
  const { settings, fleet, emit } = run
  const waiting = new Map<Host, { readonly way: Way; readonly hosts: Host[] }>()
  for (const [host, error] of fleet.silent) {
    const ways = onTheWay(host, settings.inventory)
    const mending = ways.find(way => isChangedBefore(run, plan, way.host, host))
    if (mending && !settings.dryRun && !settings.readOnly && !settings.saved) {
      const { hosts } = waiting.get(mending.host) ?? { hosts: [] }
      waiting.set(mending.host, { way: mending, hosts: [...hosts, host] })
      fleet.cutOff(host)
    } else fleet.fail(host, withWay(run, error, ways, mending))
  }
  for (const { way, hosts } of waiting.values()) {
    const as = hosts.length === 1 ? way.as : way.asOfMany
    const names = hosts.map(h => h.name).join(', ')
    const text = `no answer from ${names}: ${way.host.name}, ${as}, has planned changes; the run makes these first, then plans the hosts that answer`
    emit({ type: 'note', level: 'warning', text })
  }
}

/**
 * Before a play of hosts that were cut off: connects to all such hosts of the run, and plans all their plays. Those that
 * still do not answer fail.
 */
export async function planCutOff(run: Run, plan: Plan): Promise<void> {
  const { fleet, settings, emit } = run
  const hosts = fleet.hosts.filter(h => fleet.isCutOff(h))
  const pass = new EnginePass('plan')
  await fleet.forks.eachConnected(
    hosts,
    host => {
      emit({ type: 'host', host: host.name, state: 'connecting' })
      return fleet.connectCutOff(host)
    },
    async (host, connected) => {
      emit({ type: 'host', host: host.name, state: 'connected' })
      await planHost(run, plan, pass, connected)
    },
  )
  for (const one of plan.values())
    if (hosts.some(h => h.name === one.host)) failureEventsOf(plan, one).forEach(emit)
  for (const p of settings.stages.flat())
    if (p.hosts.some(h => hosts.includes(h))) emit(plannedEvent(run, plan, p))
  for (const host of hosts) fleet.notCutOff(host)
}

/** Does the plan change this host in a stage before the first one of the other host? */
function isChangedBefore({ settings, fleet }: Run, plan: Plan, way: Host, host: Host): boolean {
  if (!fleet.hosts.includes(way) || fleet.isDropped(way)) return false
  const first = settings.stages.findIndex(stage => stage.some(p => p.hosts.includes(host)))
  return settings.stages
    .slice(0, first)
    .flat()
    .some(p => p.hosts.includes(way) && hasWorkOn(plan, p, way))
}

/** The error with what is known of the host on the way. */
function withWay(
  { fleet }: Run,
  error: UnreachableError,
  ways: readonly Way[],
  mending: Way | undefined,
): UnreachableError {
  const lost = ways.find(way => fleet.hosts.includes(way.host) && fleet.isDropped(way.host))
  const other = ways.find(way => !fleet.hosts.includes(way.host))
  const said = (way: Way, what: string): string =>
    `${error.message}; ${way.host.name}, ${way.as}, ${what}`
  const message = mending
    ? said(
        mending,
        'has planned changes: a run makes these first, then plans and changes this host if it answers',
      )
    : lost
      ? said(lost, 'failed or did not answer')
      : error.message
  const hint =
    error.hint ??
    (!mending && !lost && other
      ? `${other.host.name}, ${other.as}, is not in this run; see whether it works: fmc facts ${other.host.name}`
      : undefined)
  return new UnreachableError(message, { hint, cause: error, silent: error.silent })
}

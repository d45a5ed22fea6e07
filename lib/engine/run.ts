import { redactor } from '../secrets/redact.ts'
import { applyAll } from './apply.ts'
import { judgeSilent } from './cut-off.ts'
import type { Done } from './done.ts'
import type { Event, Page } from './events.ts'
import { Audit } from './host/audit.ts'
import { Fleet } from './host/fleet.ts'
import { planAll, type Plan } from './plan.ts'
import { leftOf } from './left.ts'
import { failureEvents, planEvents, plannedCount } from './plan-events.ts'
import { Recap } from './recap.ts'
import { hasTask, noSuchTask } from './role/start-at.ts'
import { watchUnawaited } from './role/unawaited.ts'
import { Following } from './saved/follow.ts'
import type { Emit, Run, RunSettings } from './settings.ts'
import { notIdempotentEvent } from './task-events.ts'
import { verify } from './verify.ts'

/** Plans and, unless it is a dry run, applies and verifies. A host's failure is an event and never thrown. Resolves with the exit code. */
export async function run(settings: RunSettings): Promise<number> {
  const start = performance.now()
  const recap = new Recap()
  const lost = new Map<string, string>()
  const audit = new Audit(settings.auditedBy)
  const emit = countedAndRedacted(settings, recap, lost, audit)
  const fleet = new Fleet(settings, emit)
  for (const host of fleet.hosts) recap.add(host.name)
  emit(startOf(settings, fleet))
  const following = settings.saved && new Following(settings.saved)
  const unawaited = watchUnawaited({ settings, fleet, emit })
  const stuck = (): void => fleet.ending.giveUp()
  process.on('beforeExit', stuck)
  let passed: Passed
  try {
    passed = await runPasses({ settings, fleet, emit, following }, audit, unawaited.settled)
    await unawaited.settled()
  } finally {
    await fleet.end()
    unawaited.off()
    process.off('beforeExit', stuck)
  }
  const interrupted = settings.stop.aborted
  const page = interrupted ? undefined : pageOf(settings, fleet, lost)
  if (page) emit({ type: 'page', ...page })
  const last = recap.event({
    dryRun: settings.dryRun,
    seconds: Math.round(performance.now() - start) / 1000,
    interrupted,
    terminated: settings.term?.aborted ?? false,
    pendingIsError: settings.pendingIsError,
    failed: unawaited.any(),
    locked: fleet.locked,
    left: leftOf({ settings, fleet, emit }, passed.plan, passed.done),
    stoppedBy: passed.done?.stoppedBy,
    next: settings.next && redactor(settings.secrets)(settings.next),
    page,
    readOnly: settings.readOnly && page !== undefined,
  })
  settings.emit(last)
  return last.exitCode
}

interface Passed {
  readonly plan: Plan
  /** undefined: there was no apply pass. */
  readonly done?: Done
}

/** The passes, in order: each gets what the one before it found. */
async function runPasses(run: Run, audit: Audit, settled: () => Promise<void>): Promise<Passed> {
  const { settings, fleet, emit } = run
  const interrupted = (): boolean => settings.stop.aborted
  const emitAll = (events: readonly Event[]): void => events.forEach(event => emit(event))
  const plan = await inPass('plan', emit, async () => {
    const planned = await planAll(run)
    judgeSilent(run, planned)
    return planned
  })
  emitAll(fleet.facts())
  await settled()
  settings.onPlan?.(plan)
  emitAll(run.following?.compare(plan) ?? [])
  const { startAt } = settings
  if (startAt && !interrupted() && !fleet.hasMistake && !hasTask(plan, startAt)) {
    emitAll(failureEvents(plan))
    throw noSuchTask(plan, startAt)
  }
  if (settings.dryRun || settings.readOnly) emitAll(planEvents(plan))
  else if (fleet.locked.length > 0) emitAll(failureEvents(plan))
  else if (fleet.hasMistake) {
    emitAll(failureEvents(plan))
    emit({
      type: 'note',
      level: 'warning',
      text: 'nothing was changed on any host: the code of a role has a mistake',
    })
  } else if (!interrupted()) {
    const planned = plannedCount(plan)
    const done = await inPass('apply', emit, () => applyAll(run, plan), { planned })
    // Beside the verify pass, which talks to the same hosts.
    const audited = audit.write(run)
    if (fleet.touched.length > 0 && !interrupted())
      await inPass('verify', emit, async () => {
        const left = await verify(run, done)
        emitAll(left.map(({ play, record }) => notIdempotentEvent(play, record)))
      })
    await audited
    return { plan, done }
  }
  return { plan }
}

async function inPass<T>(
  pass: 'plan' | 'apply' | 'verify',
  emit: Emit,
  work: () => Promise<T>,
  more: { readonly planned?: number } = {},
): Promise<T> {
  emit({ type: 'pass', pass, state: 'start', ...more })
  const result = await work()
  emit({ type: 'pass', pass, state: 'end' })
  return result
}

const pageOf = (
  { conclude, inventory, found }: RunSettings,
  fleet: Fleet,
  lost: ReadonlyMap<string, string>,
): Page | undefined =>
  conclude?.({
    inventory,
    hosts: fleet.hosts,
    found: (host, role) => found.get(`${host}\0${role}`),
    lost,
  })

const startOf = (settings: RunSettings, fleet: Fleet): Event => ({
  type: 'start',
  command: settings.command,
  dryRun: settings.dryRun,
  lab: settings.lab,
  ...(settings.readOnly ? { readOnly: true as const } : {}),
  plays: settings.stages.flat().map(p => ({
    play: p.play.name,
    hosts: p.hosts.map(h => h.name),
    roles: p.roles.map(r => r.name),
  })),
  hosts: fleet.hosts.map(h => h.name),
})

/** Counts every event, and removes the run's secrets from its texts: the second line of defence, after the Secret type. */
function countedAndRedacted(
  settings: RunSettings,
  recap: Recap,
  lost: Map<string, string>,
  audit: Audit,
): Emit {
  const redact = redactor(settings.secrets)
  return event => {
    const safe = settings.secrets.length === 0 ? event : (withTexts(event, redact) as Event)
    recap.count(safe)
    audit.note(safe)
    if ('failure' in safe) lost.set(safe.host, safe.failure.message)
    settings.emit(safe)
  }
}

/** A copy of plain data with every text in it replaced. */
function withTexts(value: unknown, replace: (text: string) => string): unknown {
  if (typeof value === 'string') return replace(value)
  if (Array.isArray(value)) return value.map(v => withTexts(v, replace))
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, withTexts(v, replace)]))
  return value
}

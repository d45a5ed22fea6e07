import { FmcError } from '../errors.ts'
import { redactor } from '../secrets/redact.ts'
import { Applier } from './apply.ts'
import type { Event, Page } from './events.ts'
import { Failed, isAbort } from './role/failed.ts'
import { Fleet } from './host/fleet.ts'
import type { Emit, RunOptions } from './settings.ts'
import { Planner } from './plan.ts'
import { Recap } from './recap.ts'
import { verify } from './verify.ts'

export type { RunOptions } from './settings.ts'

/** Plan; unless it is a dry run, apply and verify. A host's failure is an event and never thrown. Resolves with the exit code. */
export async function run(o: RunOptions): Promise<number> {
  const start = performance.now()
  const recap = new Recap()
  const interrupted = (): boolean => o.stop.aborted
  const lost = new Map<string, string>()
  const emit = countedAndRedacted(o, recap, lost)
  const fleet = new Fleet(o, emit)
  const planner = new Planner(o, fleet, emit)
  for (const host of fleet.hosts) recap.add(host.name)
  emit(startOf(o, fleet))
  const strays = stray(emit)
  try {
    await pass('plan', emit, () => planner.planAll())
    if (o.dryRun || o.readOnly) planner.showAll()
    else if (fleet.locked.length > 0) planner.showFailed()
    else if (!interrupted()) {
      const applier = new Applier(o, fleet, planner, emit)
      await pass('apply', emit, () => applier.applyAll())
      if (fleet.touched.length > 0 && !interrupted())
        await pass('verify', emit, () => verify(o, fleet, planner, applier, emit))
    }
  } finally {
    fleet.close()
    strays.off()
  }
  const page = interrupted() ? undefined : pageOf(o, fleet, lost)
  if (page) emit({ type: 'page', ...page })
  const seconds = Math.round(performance.now() - start) / 1000
  const last = recap.event({
    dryRun: o.dryRun,
    seconds,
    interrupted: o.stop.aborted,
    pendingIsError: o.pendingIsError,
    failed: strays.any(),
    locked: fleet.locked,
    undone: o.dryRun || fleet.locked.length === 0 ? [] : planner.planned(),
    page,
    readOnly: o.readOnly && page !== undefined,
  })
  o.emit(last)
  return last.exitCode
}

const pageOf = (o: RunOptions, fleet: Fleet, lost: ReadonlyMap<string, string>): Page | undefined =>
  o.conclude?.({
    inventory: o.inventory,
    hosts: fleet.hosts,
    found: (host, role) => o.found.get(`${host}\0${role}`),
    lost,
  })

async function pass(
  name: 'plan' | 'apply' | 'verify',
  emit: Emit,
  work: () => Promise<void>,
): Promise<void> {
  emit({ type: 'pass', pass: name, state: 'start' })
  await work()
  emit({ type: 'pass', pass: name, state: 'end' })
}

/** A promise that a role did not await may fail after everybody has gone: that must neither end fmc nor go unseen. */
function stray(emit: Emit): { off: () => void; any: () => boolean } {
  let any = false
  const on = (error: unknown): void => {
    // A task's own failure has been told, and an interrupted one is no news.
    if (error instanceof Failed || isAbort(error)) return
    any = true
    const text = error instanceof FmcError ? error.message : String((error as Error).stack ?? error)
    emit({ type: 'note', level: 'warning', text: `failed, and nobody awaited it: ${text}` })
  }
  process.on('unhandledRejection', on)
  return { off: () => void process.off('unhandledRejection', on), any: () => any }
}

const startOf = (o: RunOptions, fleet: Fleet): Event => ({
  type: 'start',
  command: o.command,
  dryRun: o.dryRun,
  lab: o.lab,
  ...(o.readOnly ? { readOnly: true as const } : {}),
  plays: o.stages.flat().map(p => ({
    play: p.play.name,
    hosts: p.hosts.map(h => h.name),
    roles: p.roles.map(r => r.name),
  })),
  hosts: fleet.hosts.map(h => h.name),
})

/** The second line of defence: whatever slipped into a text, the secrets of this run do not leave in an event. */
function countedAndRedacted(o: RunOptions, recap: Recap, lost: Map<string, string>): Emit {
  const redact = redactor(o.secrets)
  return event => {
    const safe = o.secrets.length === 0 ? event : (withTexts(event, redact) as Event)
    recap.count(safe)
    if ('failure' in safe) lost.set(safe.host, safe.failure.message)
    o.emit(safe)
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

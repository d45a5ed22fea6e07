import type { Event, RecapEvent } from '../../engine/events.ts'
import type { RecordedRun } from '../../record/index.ts'
import { cellKey, driftKey, foundIn, whatOf, type Drift, type Found } from './found.ts'

/** What was known of one role on one host. */
export interface Known {
  /** When: the end of that run, ISO 8601. */
  readonly at: string
  /** "drift site", "play site". */
  readonly command: string
  /** A plan: it also says what fmc leaves alone. */
  readonly planned: boolean
  /** The differences then: what would change, by driftKey. Empty: none. */
  readonly drift: ReadonlyMap<string, string>
}

/** The newest known state of each role on each host, by cellKey. */
export type Baseline = ReadonlyMap<string, Known>

/** How many records are read for hosts that the newest ones do not have. */
const MOST = 30

/**
 * What the recorded runs say of the wanted roles and hosts, the newest first for each: of a plan (a drift check, a dry run) its
 * differences; of a run that made its changes on a host, none. A host that failed or did not answer says nothing there, and an
 * older record counts.
 */
export function baselineOf(
  runs: Iterable<RecordedRun>,
  inventory: string,
  wanted: ReadonlySet<string>,
): Baseline {
  const known = new Map<string, Known>()
  let left = MOST
  for (const recorded of runs) {
    const { run } = recorded
    if (run.inventory !== inventory || run.readOnly) continue
    if (left-- === 0) break
    const { events, end } = recorded.read()
    if (!end) continue
    for (const [key, drift] of run.dryRun ? planned(events) : made(events))
      if (wanted.has(key) && !known.has(key))
        known.set(key, { at: end.end, command: run.command, planned: run.dryRun, drift })
    if (known.size === wanted.size) break
  }
  return known
}

type Cells = Iterable<readonly [string, ReadonlyMap<string, string>]>

const planned = (events: readonly Event[]): Cells =>
  foundIn(events).hosts.flatMap(h =>
    h.cells
      .filter(c => c.state === 'clean' || c.state === 'drifted')
      .map(
        c =>
          [cellKey(h.host, c.role), new Map(c.drift.map(d => [driftKey(d), whatOf(d)]))] as const,
      ),
  )

/** Of a run: the roles of hosts where it has made everything. */
function made(events: readonly Event[]): Cells {
  const recap = events.findLast((e): e is RecapEvent & Event => e.type === 'recap')
  if (!recap || recap.exitCode >= 128 || recap.locked) return []
  const whole = (host: string): boolean => {
    const counts = recap.hosts[host]
    return (
      counts !== undefined &&
      counts.failed + counts.unreachable === 0 &&
      recap.notReached?.[host] === undefined &&
      !recap.undone?.[host]
    )
  }
  return foundIn(events).hosts.flatMap(h =>
    whole(h.host) ? h.cells.map(c => [cellKey(h.host, c.role), new Map()] as const) : [],
  )
}

/** One difference, compared with the baseline. */
export interface Compared {
  readonly host: string
  readonly role: string
  readonly drift: Drift
  /** new: not there before. other: it was there, and was another one. known: it was there. first: nothing is known from before. */
  readonly age: 'new' | 'other' | 'known' | 'first'
  readonly since?: Known
}

/** All differences of a check, compared with what was known before. */
export const compare = (found: Found, baseline: Baseline): Compared[] =>
  found.hosts.flatMap(({ host, cells }) =>
    cells.flatMap(({ role, drift }) =>
      drift.map(d => {
        const since = baseline.get(cellKey(host, role))
        // A run does not say what it leaves alone.
        const silent = !since || (d.left && !since.planned)
        const before = since?.drift.get(driftKey(d))
        const age = silent
          ? 'first'
          : before === undefined
            ? 'new'
            : before === whatOf(d)
              ? 'known'
              : 'other'
        return { host, role, drift: d, age, ...(since && !silent ? { since } : {}) } as const
      }),
    ),
  )

/** Differences that were there before and are gone, on hosts and roles of which the check knows the state. */
export const mended = (
  found: Found,
  baseline: Baseline,
): { readonly host: string; readonly role: string; readonly task: string }[] =>
  found.hosts.flatMap(({ host, cells }) =>
    cells
      .filter(c => c.state === 'clean' || c.state === 'drifted')
      .flatMap(({ role, drift }) => {
        const now = new Set(drift.map(driftKey))
        const before = baseline.get(cellKey(host, role))?.drift ?? new Map<string, string>()
        return [...before.keys()]
          .filter(key => !now.has(key))
          .map(key => ({ host, role, task: key.split('\0')[0] ?? '' }))
      }),
  )

/** What a check says of its own roles and hosts, as the baseline of the next one. */
export const baselineAfter = (
  found: Found,
  before: Baseline,
  at: string,
  command: string,
): Baseline =>
  new Map([
    ...before,
    ...found.hosts.flatMap(h =>
      h.cells
        .filter(c => c.state === 'clean' || c.state === 'drifted')
        .map(
          c =>
            [
              cellKey(h.host, c.role),
              {
                ...{ at, command, planned: true },
                drift: new Map(c.drift.map(d => [driftKey(d), whatOf(d)])),
              },
            ] as const,
        ),
    ),
  ])

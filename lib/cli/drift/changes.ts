/** What has changed from one check to the next: all that a watch prints after its first check. */
import { hasDrift, type Found } from './found.ts'
import { compare, mended, type Baseline, type Compared } from './since.ts'
import { lineOf, withoutName } from './text.ts'

/** One line of a watch. */
export interface WatchChange {
  readonly what: 'new' | 'other' | 'mended' | 'unknown' | 'known' | 'failed' | 'works'
  readonly host: string
  readonly role?: string
  readonly task?: string
  /** For people. */
  readonly text: string
}

/** What a watch remembers of its last check. */
export interface Before {
  readonly found: Found
  /** The last known state of every role, also of hosts that are unknown now. */
  readonly baseline: Baseline
}

/** The changes since the check before, and the new differences among them. */
export function changesSince(
  before: Before,
  found: Found,
): { readonly changes: readonly WatchChange[]; readonly fresh: readonly Compared[] } {
  const old = new Map(before.found.hosts.map(h => [h.host, h]))
  const fresh = compare(found, before.baseline).filter(c => c.age !== 'known')
  const hosts = found.hosts.flatMap((now): WatchChange[] => {
    const { host, state } = now
    const was = old.get(host)
    const [failures, failed] = [failuresOf(now), failuresOf(was)]
    const unknown = state === 'unknown'
    const why = withoutName(host, now.why ?? 'not all of it was planned')
    return [
      ...(unknown && (was?.state !== 'unknown' || was.why !== now.why)
        ? [change('unknown', host, `unknown: ${why}`)]
        : []),
      ...(!unknown && was?.state === 'unknown'
        ? [change('known', host, `known again${hasDrift(now) ? '' : ', as declared'}`)]
        : []),
      ...(isLost(now) && (!isLost(was) || was?.why !== now.why)
        ? [change('failed', host, `failed: ${why}`)]
        : []),
      ...(isLost(was) && !isLost(now) && !unknown && failures.length === 0
        ? [change('works', host, 'works again')]
        : []),
      ...failures.filter(f => !failed.some(g => g.text === f.text)),
      ...failed
        .filter(f => !unknown && !failures.some(g => g.task === f.task && g.role === f.role))
        .map(f => ({ ...f, what: 'works' as const, text: `works again: ${f.role}: ${f.task}` })),
    ]
  })
  const gone = mended(found, before.baseline).map(({ host, role, task }) =>
    change('mended', host, `as declared again: ${role}: ${task}`, { role, task }),
  )
  const news = fresh.map(c => {
    const what = c.age === 'other' ? 'other' : 'new'
    const differs = what === 'other' ? 'differs in another way' : 'differs'
    const { host, role, drift } = c
    return change(what, host, `${differs}: ${lineOf(c)}`, { role, task: drift.task })
  })
  return { changes: [...hosts, ...gone, ...news], fresh }
}

const change = (
  what: WatchChange['what'],
  host: string,
  text: string,
  where: Pick<WatchChange, 'role' | 'task'> = {},
): WatchChange => ({ what, host, ...where, text })

/** Has the host failed, and no task of it? */
const isLost = (host: Found['hosts'][number] | undefined): boolean =>
  host?.state === 'failed' && failuresOf(host).length === 0

const failuresOf = (host: Found['hosts'][number] | undefined): WatchChange[] =>
  (host?.cells ?? []).flatMap(({ host: name, role, failures }) =>
    failures.map(({ task, message }) =>
      change('failed', name, `failed: ${role}: ${message}`, { role, task }),
    ),
  )

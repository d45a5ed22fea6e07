import type { Host } from '../inventory/types.ts'
import type { Done } from './done.ts'
import type { SelectedPlay } from './define/select.ts'
import { planOf, type Plan } from './plan.ts'
import type { Run } from './settings.ts'

/** What a run left, by host. Hosts with nothing left are not there. */
export interface Left {
  /** Planned changes that were not made. */
  readonly undone: Readonly<Record<string, number>>
  /** Of hosts that did not fail: the plays that the run did not come to, or broke off, there. */
  readonly notReached: Readonly<Record<string, readonly string[]>>
}

/** What the run left. `done`: how far the apply pass came; undefined: there was none. A dry run leaves only what it could not plan. */
export function leftOf({ settings, fleet }: Run, plan: Plan, done: Done | undefined): Left {
  const undone: Record<string, number> = {}
  const notReached: Record<string, string[]> = {}
  const dry = settings.dryRun || settings.readOnly
  for (const host of fleet.hosts) {
    const plays = settings.stages.flat().filter(p => p.hosts.includes(host))
    const left = plays.filter(p =>
      dry ? !planOf(plan, p, host).complete : !(done?.has(p, host) ?? false),
    )
    const changes = dry ? 0 : left.reduce((sum, p) => sum + unmade(plan, p, host, done), 0)
    if (changes > 0) undone[host.name] = changes
    // A locked host keeps the run from every other one: that is said of the locked host.
    if (left.length > 0 && !fleet.isDropped(host) && fleet.locked.length === 0)
      notReached[host.name] = left.map(p => p.play.name)
  }
  return { undone, notReached }
}

/** How many changes that were planned for a play of a host were not made. */
const unmade = (plan: Plan, selected: SelectedPlay, host: Host, done: Done | undefined): number =>
  [...planOf(plan, selected, host).roles.values()]
    .flat()
    .filter(r => r.changes.length > 0 && !r.error && !done?.wasDone(selected, host, r)).length

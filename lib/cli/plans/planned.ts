import { UsageError } from '../../errors.ts'
import type { PlayOptions } from '../commands/play.ts'
import type { PlanRun } from './work.ts'

/** The options with what --out asks for. Throws UsageError for options that do not go together. */
export function planned(run: PlanRun, o: PlayOptions): PlayOptions {
  if (o.plan) return o
  demandPlanOptions(o)
  if (o.out === undefined) return o
  return {
    ...o,
    plan: async ready => (await import('./save.ts')).savePlan(ready, run, o),
  }
}

/** The options with which a plan is saved. Throws UsageError for those that go with no plan. */
function demandPlanOptions(o: PlayOptions): void {
  const dry = (o.dryRun ?? false) || (o.check ?? false)
  const given = (
    [
      ['--require-approval', o.requireApproval],
      ['--not-before', o.notBefore],
      ['--valid-until', o.validUntil],
      ['--key', o.key],
    ] as const
  ).find(([, value]) => value !== undefined)
  if (o.out === undefined) {
    if (given)
      throw new UsageError(`${given[0]} belongs to a saved plan`, { hint: 'add --out plan.fmc' })
    return
  }
  if (!dry)
    throw new UsageError('--out saves the plan of a dry run', {
      hint: 'add --dry-run, or use fmc plan',
    })
  if (o.listHosts || o.listTags || o.listTasks)
    throw new UsageError('--out saves a plan, and the --list options make none')
}

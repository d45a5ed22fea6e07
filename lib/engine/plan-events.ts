import type { Host } from '../inventory/types.ts'
import { batches } from './define/batches.ts'
import type { SelectedPlay } from './define/select.ts'
import type { PlannedEvent, TaskEvent } from './events.ts'
import type { HostPlan, Plan } from './plan.ts'
import type { TaskRecord } from './role/record.ts'
import type { Run } from './settings.ts'
import { delegation, plannedEvent as plannedTask } from './task-events.ts'

/** The whole plan as events, play by play and host by host. */
export const planEvents = (plan: Plan): TaskEvent[] =>
  [...plan.values()].flatMap(one => hostEvents(plan, one))

/** The tasks that failed in the plan. */
export const failureEvents = (plan: Plan): TaskEvent[] =>
  [...plan.values()].flatMap(one => failureEventsOf(plan, one))

/** The tasks that failed in the plan of one play on one host. */
export const failureEventsOf = (plan: Plan, one: HostPlan): TaskEvent[] =>
  hostEvents(
    plan,
    one,
    recordsOf(one).filter(r => r.error),
  )

/** The planned tasks of one play on one host, or some of them, as events. */
export function hostEvents(
  plan: Plan,
  one: HostPlan,
  records: readonly TaskRecord[] = recordsOf(one),
): TaskEvent[] {
  if (records.length === 0) return []
  const elsewhere = records.some(r => r.waiting !== undefined) && changesOutside(plan, one.host)
  return records.map(record => plannedTask(one.play, record, elsewhere))
}

/** What a play is about to change, for live output. The batches are those of `serial` until the hosts themselves have been asked. */
export const plannedEvent = (
  { settings }: Run,
  plan: Plan,
  { play, hosts }: SelectedPlay,
  inBatches: readonly (readonly Host[])[] = batches(hosts, play.serial),
): PlannedEvent => ({
  type: 'planned',
  play: play.name,
  stage: settings.stages.findIndex(stage => stage.some(p => p.play === play)),
  batches: inBatches.map(batch => batch.map(h => h.name)),
  forks: settings.forks,
  tasks: [...plan.values()]
    .filter(one => one.play === play.name)
    .flatMap(recordsOf)
    .filter(isPlanned)
    .map(r => ({ host: r.host, ...delegation(r), role: r.role, task: r.name })),
})

/** How many tasks are to change something. */
export const plannedCount = (plan: Plan): number =>
  [...plan.values()].flatMap(recordsOf).filter(isPlanned).length

const isPlanned = (r: TaskRecord): boolean => r.changes.length > 0 && r.error === undefined

const recordsOf = ({ roles }: HostPlan): readonly TaskRecord[] => [...roles.values()].flat()

/** Are changes planned for other hosts? They may open a gate that is closed now. */
const changesOutside = (plan: Plan, host: string): boolean =>
  [...plan.values()].some(
    one => one.host !== host && recordsOf(one).some(r => r.changes.length > 0),
  )

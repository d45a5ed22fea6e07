import type { TaskEvent } from './events.ts'
import type { HostPlan, Plan } from './plan.ts'
import type { TaskRecord } from './role/record.ts'
import { plannedEvent } from './task-events.ts'

/** The whole plan as events, play by play and host by host. */
export const planEvents = (plan: Plan): TaskEvent[] =>
  [...plan.values()].flatMap(one => hostEvents(plan, one))

/** Of a plan that will not be carried out: the tasks that failed. */
export const failureEvents = (plan: Plan): TaskEvent[] =>
  [...plan.values()].flatMap(one =>
    hostEvents(
      plan,
      one,
      recordsOf(one).filter(r => r.error),
    ),
  )

/** The planned tasks of one play on one host, or some of them, as events. */
export function hostEvents(
  plan: Plan,
  one: HostPlan,
  records: readonly TaskRecord[] = recordsOf(one),
): TaskEvent[] {
  if (records.length === 0) return []
  const elsewhere = changesOutside(plan, one.host)
  return records.map(record => plannedEvent(one.play, record, elsewhere))
}

/** How many changes are planned on each of these hosts; hosts without any are left out. */
export const plannedChanges = (
  plan: Plan,
  hosts: readonly { readonly name: string }[],
): (readonly [host: string, changes: number])[] =>
  hosts.flatMap(({ name }) => {
    const changes = [...plan.values()]
      .filter(one => one.host === name)
      .flatMap(recordsOf)
      .filter(r => r.changes.length > 0 && !r.error).length
    return changes === 0 ? [] : [[name, changes] as const]
  })

const recordsOf = ({ roles }: HostPlan): readonly TaskRecord[] => [...roles.values()].flat()

/** Are changes planned for other hosts? They may open a gate that is closed now. */
const changesOutside = (plan: Plan, host: string): boolean =>
  [...plan.values()].some(
    one => one.host !== host && recordsOf(one).some(r => r.changes.length > 0),
  )

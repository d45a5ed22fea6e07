import type { TaskEvent } from '../engine/events.ts'
import type { EventLine } from './format.ts'

/** A task's event in a record. */
export type TaskLine = Extract<EventLine, { type: 'task' }>

type Id = Pick<TaskEvent, 'host' | 'delegatedBy' | 'play' | 'role' | 'task'>

/** What tells a task from all others of a run. */
export const taskKey = ({ host, delegatedBy = '', play, role, task }: Id): string =>
  [host, delegatedBy, play, role, task].join('\0')

/** The play's host that a task counts for. */
export const ownerOf = ({ host, delegatedBy }: Pick<Id, 'host' | 'delegatedBy'>): string =>
  delegatedBy ?? host

/**
 * What each task came to, in order: the last event about a task counts, so a task that changed and was then found to be not
 * idempotent has failed.
 */
export function outcomesOf(events: Iterable<EventLine>): ReadonlyMap<string, TaskLine> {
  const found = new Map<string, TaskLine>()
  for (const event of events) if (event.type === 'task') found.set(taskKey(event), event)
  return found
}

/** The hosts of a run: those that it was to work on, then those that only appear in events. */
export function hostsOf(events: Iterable<EventLine>): string[] {
  const hosts = new Set<string>()
  const more = new Set<string>()
  for (const event of events)
    if (event.type === 'start') for (const host of event.hosts) hosts.add(host)
    else if (event.type === 'task') more.add(ownerOf(event))
    else if (event.type === 'host') more.add(event.host)
    else if (event.type === 'recap') for (const host of Object.keys(event.hosts)) more.add(host)
  return [...new Set([...hosts, ...more])]
}

import type { Event } from '../engine/events.ts'
import { safeJson } from '../text/sanitise.ts'

/**
 * Whether an event belongs to the NDJSON contract: version, start, note, pass, play, task, host (new, unreachable or
 * failed), page and recap do. `working`, `planned`, `stopping` and a host's connecting, connected and done are for live
 * output, `facts` for records.
 */
export const inContract = (event: Event): boolean =>
  event.type === 'host'
    ? event.state === 'unreachable' || event.state === 'failed' || event.state === 'new'
    : !['working', 'planned', 'stopping', 'facts'].includes(event.type)

/** An event as a line of NDJSON, harmless on a terminal too. A task's `drift`, `about` and `ended` are not part of the contract. */
export const ndjson = (event: Event): string =>
  `${safeJson(event.type === 'task' ? { ...event, drift: undefined, about: undefined, ended: undefined } : event)}\n`

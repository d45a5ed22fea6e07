import type { Event } from '../engine/events.ts'
import { safeJson } from '../text/sanitise.ts'

/**
 * Whether an event belongs to the NDJSON contract: version, start, note, pass, play, task, host (new, unreachable or
 * failed), page and recap do. `working`, `planned`, `stopping` and a host's connecting, connected and done are for live
 * output only.
 */
export const inContract = (event: Event): boolean =>
  event.type === 'host'
    ? event.state === 'unreachable' || event.state === 'failed' || event.state === 'new'
    : !['working', 'planned', 'stopping'].includes(event.type)

/**
 * An event as a line of NDJSON, harmless on a terminal too; `more` are further keys. A task's `drift` is not part of the
 * contract.
 */
export const ndjson = (event: Event, more: Readonly<Record<string, unknown>> = {}): string =>
  `${safeJson({ ...event, ...(event.type === 'task' ? { drift: undefined } : {}), ...more })}\n`

import type { Event } from '../engine/events.ts'
import type { RecordedRun } from './read.ts'

/** How a run is shown again. */
export interface ReplayOptions {
  /** 1: as fast as it was, 10: ten times as fast; undefined: at once. */
  readonly speed: number | undefined
  readonly on: (event: Event) => void
  /** Waits this many milliseconds; rejects to end the replay. */
  readonly wait: (ms: number) => Promise<void>
}

/**
 * Gives the events of a recorded run to a report once more, in their order. What a task was doing is not recorded: it counts as
 * begun its own duration before its end. A run without an end gets a warning last. Rejects when `wait` does.
 */
export async function replay(
  recorded: RecordedRun,
  { speed, on, wait }: ReplayOptions,
): Promise<void> {
  const { events, end } = recorded.read()
  on({ type: 'version', fmc: recorded.fmc, contract: 1 })
  let now = 0
  const moments =
    speed === undefined
      ? events.map(line => ({ at: 0, event: withoutTime(line) }))
      : withBegins(events)
  for (const { at, event } of moments) {
    if (speed !== undefined && at > now) {
      await wait((at - now) / speed)
      now = at
    }
    on(event)
  }
  if (!end) on({ type: 'note', level: 'warning', text: NO_END })
}

/** Of a run without its last line. */
export const NO_END =
  'this record has no end: the run was killed, still works, or could not be recorded completely'

const withoutTime = ({ at: _, ...event }: Event & { readonly at: number }): Event => event

interface Moment {
  readonly at: number
  readonly event: Event
}

/** The events with the begin of each task of the apply pass before it. */
function withBegins(lines: readonly (Event & { readonly at: number })[]): Moment[] {
  const moments: Moment[] = []
  let applying = false
  let latest = 0
  for (const line of lines) {
    const { at: time } = line
    const event = withoutTime(line)
    // A dry run reports its tasks when the plan is complete.
    latest = Math.max(latest, time)
    if (event.type === 'pass') applying = event.pass === 'apply' && event.state === 'start'
    if (event.type === 'task' && applying && event.ms > 0) {
      const { host, delegatedBy, play, role, task } = event
      moments.push({
        at: Math.max(0, time - event.ms),
        event: {
          type: 'working',
          ...{ host, play, role, task },
          ...(delegatedBy === undefined ? {} : { delegatedBy }),
        },
      })
    }
    moments.push({ at: latest, event })
  }
  return moments.map((m, n) => ({ ...m, n })).sort((x, y) => x.at - y.at || x.n - y.n)
}

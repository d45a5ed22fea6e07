import type { Status } from '../engine/events.ts'
import type { EventLine } from './format.ts'
import { ownerOf } from './outcomes.ts'
import type { RunContent } from './read.ts'

export type PassName = 'plan' | 'apply' | 'verify'

/** A task, or a login, on a host. Times are milliseconds since the run's begin. */
export interface Span {
  readonly host: string
  /** The play's host that it counts for. */
  readonly owner: string
  readonly play: string
  readonly role: string
  readonly task: string
  readonly status: Status | 'connect'
  readonly from: number
  readonly to: number
}

/** A span in words: "haproxy-keepalived › file /etc/haproxy/haproxy.cfg". */
export const spanName = ({ role, task }: Pick<Span, 'role' | 'task'>): string =>
  role === '' ? task : `${role} › ${task}`

/** A pass. */
export interface Band {
  readonly pass: PassName
  readonly from: number
  readonly to: number
}

/** When what happened in a run. */
export interface Timeline {
  /** In the order of their ends. */
  readonly spans: readonly Span[]
  readonly passes: readonly Band[]
  /** How long the run took. */
  readonly ms: number
}

/** The timeline of a recorded run. A run that was killed ends with its last event. */
export function timelineOf({ events, end }: RunContent, begin: string): Timeline {
  const last = events.reduce((most, { at }) => Math.max(most, at), 0)
  const ms = Math.max(last, end ? Date.parse(end.end) - Date.parse(begin) : 0, 1)
  const clamp = (at: number): number => Math.min(Math.max(at, 0), ms)
  const passes: { pass: PassName; from: number; to: number }[] = []
  const spans: Span[] = []
  const connecting = new Map<string, number>()
  for (const event of events) {
    const at = clamp(event.at)
    if (event.type === 'pass' && event.state === 'start')
      passes.push({ pass: event.pass, from: at, to: ms })
    else if (event.type === 'pass') {
      const open = passes.findLast(({ pass }) => pass === event.pass)
      if (open) open.to = at
    } else if (event.type === 'host') {
      const from = connecting.get(event.host)
      if (event.state === 'connecting') connecting.set(event.host, at)
      else if (from !== undefined) {
        connecting.delete(event.host)
        const status = event.state === 'unreachable' ? 'unreachable' : 'connect'
        spans.push({ ...login(event.host), status, from, to: at })
      }
    } else if (event.type === 'task' && event.ms > 0) spans.push(taskSpan(event, at, clamp))
  }
  return { spans: spans.sort((a, b) => a.to - b.to || a.from - b.from), passes, ms }
}

const login = (host: string): Omit<Span, 'status' | 'from' | 'to'> => ({
  ...{ host, owner: host, play: '', role: '', task: 'login' },
})

function taskSpan(
  event: Extract<EventLine, { type: 'task' }>,
  to: number,
  clamp: (at: number) => number,
): Span {
  const { host, play, role, task, status, ms } = event
  return { host, owner: ownerOf(event), play, role, task, status, from: clamp(to - ms), to }
}

/** Records have whole milliseconds. */
const TOLERANCE = 2

/**
 * The critical path: what made the run that long, in the order of time. It ends with the span that ended last. What stands before
 * a span is the span that ended last before it began: one of the same host in the same play and pass; if there is none, one of any
 * host, for which this one waited (an earlier play or batch, a free fork). So a shorter span on the path makes the run
 * shorter, until another path is longer.
 */
export function criticalPath({ spans, passes }: Timeline): Span[] {
  const passOf = (span: Span): Band | undefined => passes.findLast(({ from }) => from <= span.to)
  const path: Span[] = []
  let at = spans.at(-1)
  while (at) {
    path.unshift(at)
    const { owner, play, from } = at
    const pass = passOf(at)
    let any: Span | undefined
    let same: Span | undefined
    for (const span of spans) {
      if (span.to > from + TOLERANCE) break
      if (span.from >= from) continue
      any = span
      if (span.owner === owner && span.play === play && passOf(span) === pass) same = span
    }
    at = same ?? any
  }
  return path
}

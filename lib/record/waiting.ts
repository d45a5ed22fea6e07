import { criticalPath, spanName, type Band, type Span, type Timeline } from './timeline.ts'

/** Steps that are shown at once: the longest. */
const SHOWN = 12
/** Shorter steps are not worth a line: a share of the run. */
const WORTH = 0.005

/** Shorter tasks of a role that follow each other are one step. */
const TOGETHER = 0.02

/** What a run waited for: tasks on its critical path. */
export interface Step {
  /** "": time without a task. */
  readonly host: string
  readonly what: string
  readonly role: string
  readonly tasks: number
  /** Milliseconds since the run's begin. */
  readonly from: number
  readonly to: number
  /** How long its tasks took. */
  readonly ms: number
}

/** What made a run as long as it was. Times are milliseconds. */
export interface Waiting {
  /** The longest steps, in the order of time. */
  readonly steps: readonly Step[]
  /** The time that is in none of them. */
  readonly left: number
  /** The longest task. */
  readonly longest: Span
  /** The host for which the run waited most, and how long. */
  readonly host: string
  readonly hostMs: number
}

/** What a run waited for, from its critical path; undefined: it has no task that took time. */
export function waitingOf(timeline: Timeline): Waiting | undefined {
  const { ms, passes } = timeline
  const path = criticalPath(timeline)
  const [first] = path
  if (!first) return undefined
  const longest = path.reduce((a, b) => (b.to - b.from > a.to - a.from ? b : a), first)
  const perHost = new Map<string, number>()
  for (const { host, from, to } of path) perHost.set(host, (perHost.get(host) ?? 0) + to - from)
  const [host = '', hostMs = 0] = [...perHost].toSorted((a, b) => b[1] - a[1])[0] ?? []
  const worth = stepsOf(path, passes, ms).filter(step => step.ms >= ms * WORTH)
  const kept = new Set(worth.toSorted((a, b) => b.ms - a.ms).slice(0, SHOWN))
  const steps = worth.filter(step => kept.has(step))
  const left = ms - steps.reduce((sum, step) => sum + step.ms, 0)
  return { steps, left: left > ms * WORTH ? left : 0, longest, host, hostMs }
}

const GAPS = { plan: 'planning', apply: 'between tasks', verify: 'verifying' } as const

/** Tasks as they follow each other, short ones of the same role together; time without a task is named by its pass. */
function stepsOf(path: readonly Span[], passes: readonly Band[], ms: number): Step[] {
  const steps: Step[] = []
  let at = 0
  const gap = (to: number): void => {
    for (const { pass, from: begin, to: end } of passes) {
      const [from, until] = [Math.max(at, begin), Math.min(to, end)]
      if (until > from)
        steps.push({
          host: '',
          what: GAPS[pass],
          role: '',
          tasks: 0,
          from,
          to: until,
          ms: until - from,
        })
    }
    at = Math.max(at, to)
  }
  for (const span of path) {
    gap(span.from)
    const { host, role, to } = span
    const step = { host, role, what: spanName(span), tasks: 1, from: span.from, to, ms: to - at }
    const last = steps.at(-1)
    const isShort = (some: Step): boolean => some.ms < ms * TOGETHER * some.tasks
    if (last && last.host === host && last.role === role && isShort(last) && isShort(step)) {
      const tasks = last.tasks + 1
      const sum = { tasks, what: `${role}: ${tasks} tasks`, to, ms: last.ms + step.ms }
      steps[steps.length - 1] = { ...last, ...sum }
    } else steps.push(step)
    at = Math.max(at, to)
  }
  gap(ms)
  return steps
}

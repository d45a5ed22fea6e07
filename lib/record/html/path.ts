import { duration } from './duration.ts'
import type { Band, Span, Timeline } from '../timeline.ts'
import { spanName } from './gantt.ts'
import { markup, NONE, type Html } from './escape.ts'

/** Steps that are shown at once: the longest. */
const SHOWN = 12
/** Shorter steps are not worth a line: a share of the run. */
const WORTH = 0.005

/** Shorter tasks of a role that follow each other are one step. */
const TOGETHER = 0.02

interface Step {
  readonly host: string
  readonly what: string
  /** How many tasks of which role; none: time without a task. */
  readonly role: string
  readonly tasks: number
  readonly from: number
  readonly to: number
  /** How long its tasks took. */
  readonly ms: number
}

/** The critical path in words and as a table, in the order of time. */
export function pathPart(path: readonly Span[], { ms, passes }: Timeline): Html[] {
  if (path.length === 0) return []
  const steps = stepsOf(path, passes, ms)
  const longest = path.reduce((a, b) => (b.to - b.from > a.to - a.from ? b : a))
  const perHost = new Map<string, number>()
  for (const { host, from, to } of path) perHost.set(host, (perHost.get(host) ?? 0) + to - from)
  const [host = '', time = 0] = [...perHost].toSorted((a, b) => b[1] - a[1])[0] ?? []
  const worth = steps.filter(step => step.ms >= ms * WORTH)
  const kept = new Set(worth.toSorted((a, b) => b.ms - a.ms).slice(0, SHOWN))
  const shown = worth.filter(step => kept.has(step))
  const share = (some: number): string => `${Math.round((some / ms) * 100)} %`
  const left = ms - shown.reduce((sum, step) => sum + step.ms, 0)
  return [
    markup`<p>
      The run waited most for <b>${{ text: host }}</b>:
      ${{ text: `${duration(time)} of ${duration(ms)} (${share(time)})` }}. The longest task on the
      critical path: <span class="t">${{ text: spanName(longest) }}</span> on
      ${{ text: `${longest.host}, ${duration(longest.to - longest.from)}` }}.
    </p>`,
    markup`<table>
      <thead>
        <tr>
          <th class="l o">after</th>
          <th class="l">host</th>
          <th class="l">the run waited for</th>
          <th>time</th>
          <th>share</th>
        </tr>
      </thead>
      <tbody>
        ${shown.map(
          step =>
            markup`<tr data-q>
              <td class="l o">${{ text: duration(step.from) }}</td>
              <td class="l w">${{ text: step.host }}</td>
              <td class="l">${{ text: step.what }}</td>
              <td>${{ text: duration(step.ms) }}</td>
              <td>${{ text: share(step.ms) }}</td>
            </tr>`,
        )}${
          left > ms * WORTH
            ? markup`<tr>
                <td class="l o"></td>
                <td class="l"></td>
                <td class="l soft">everything shorter</td>
                <td>${{ text: duration(left) }}</td>
                <td>${{ text: share(left) }}</td>
              </tr>`
            : NONE
        }
      </tbody>
    </table>`,
  ]
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

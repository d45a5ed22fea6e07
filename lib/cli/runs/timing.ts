import { duration } from '../../record/duration.ts'
import { timelineOf, spanName, type Timeline } from '../../record/timeline.ts'
import { waitingOf } from '../../record/waiting.ts'
import type { RunContent } from '../../record/index.ts'
import { table } from '../../report/table.ts'
import { cleanLine } from '../../text/sanitise.ts'

/** Where the time of a run went: its passes, the host for which it waited most, and its critical path. */
export function timingLines(content: Pick<RunContent, 'events' | 'end'>, begin: string): string[] {
  const timeline = timelineOf({ ...content, damaged: 0 }, begin)
  return [`Where the time went: ${passesOf(timeline)}.`, ...pathLines(timeline)]
}

/** The host for which a run waited most, and its critical path; [] if no task took time. */
export function pathLines(timeline: Timeline): string[] {
  const { ms } = timeline
  const share = (some: number): string => `${Math.round((some / ms) * 100)} %`
  const waiting = waitingOf(timeline)
  if (!waiting) return []
  const { steps, left, longest, host, hostMs } = waiting
  const rows = steps.map(s => [
    '',
    `after ${duration(s.from)}`,
    s.host === '' ? '-' : s.host,
    s.what,
    duration(s.ms),
    share(s.ms),
  ])
  return [
    `The run waited most for ${host}: ${duration(hostMs)} (${share(hostMs)}). The longest task: ${spanName(longest)} on ${longest.host}, ${duration(longest.to - longest.from)}.`,
    'The critical path (a shorter task on it makes the run shorter):',
    ...table([
      ...rows,
      ...(left > 0 ? [['', '', '-', 'everything else', duration(left), share(left)]] : []),
    ]),
  ].map(cleanLine)
}

/** "plan 4.3 s, apply 131 s, verify 16 s, the rest 0.1 s". */
function passesOf({ passes, ms }: Timeline): string {
  const parts = passes.map(({ pass, from, to }) => `${pass} ${duration(to - from)}`)
  const inPasses = passes.reduce((sum, { from, to }) => sum + to - from, 0)
  return [...parts, `the rest ${duration(Math.max(0, ms - inPasses))}`].join(', ')
}

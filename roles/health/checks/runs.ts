import type { Finding } from '../../../lib/index.ts'
import { servers, some, type Cloud } from './cloud.ts'

/** What could not be read is reported: unknown must not look like healthy. */
export function unasked(c: Cloud): Finding[] {
  const details = servers(c).flatMap(n => (c.of(n)?.server?.unasked ?? []).map(u => `${n}: ${u}`))
  if (details.length === 0) return []
  return [
    {
      level: 'degraded',
      text: 'some questions got no answer: more may be wrong than this page shows',
      details: some(details),
      hint: 'run again: fmc play health. If that does not help, look on the host',
    },
  ]
}

/** Runs of fmc that are in progress or were interrupted. */
export function runs(c: Cloud): Finding[] {
  const pending = c.hosts.flatMap(h =>
    (c.of(h.name)?.host.pending ?? []).map(handler => `${h.name}: ${handler}`),
  )
  const busy = c.hosts.flatMap(h => {
    const by = c.of(h.name)?.host.lockedBy
    return by === undefined ? [] : [`${h.name}: ${by}`]
  })
  return [
    ...(busy.length > 0
      ? [
          {
            level: 'notice',
            text: 'fmc is running: it may be the cause of findings above',
            details: some(busy),
          } as const,
        ]
      : []),
    ...(pending.length > 0
      ? [
          {
            level: 'notice',
            text: 'an interrupted run left handlers pending',
            details: some(pending),
            hint: 'fmc play site   # runs them',
          } as const,
        ]
      : []),
  ]
}

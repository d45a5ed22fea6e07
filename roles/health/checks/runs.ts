import type { Finding } from '../../../lib/index.ts'
import { servers, some, type Cloud } from './cloud.ts'

/** What nobody knows must not look as if it were well. */
export function unasked(c: Cloud): Finding[] {
  const details = servers(c).flatMap(n => (c.of(n)?.server?.unasked ?? []).map(u => `${n}: ${u}`))
  if (details.length === 0) return []
  return [
    {
      level: 'degraded',
      text: 'not everything could be asked: more may be wrong than is said here',
      details: some(details),
      hint: 'run it again; else ask there by hand',
    },
  ]
}

/** Runs of fmc that are under way or were cut off. */
export function runs(c: Cloud): Finding[] {
  const owed = c.hosts.flatMap(h => (c.of(h.name)?.host.owed ?? []).map(o => `${h.name}: ${o}`))
  const busy = c.hosts.flatMap(h => {
    const by = c.of(h.name)?.host.lockedBy
    return by === undefined ? [] : [`${h.name}: ${by}`]
  })
  return [
    ...(busy.length > 0
      ? [
          {
            level: 'notice',
            text: 'fmc is at work: what is wrong above may be its doing',
            details: some(busy),
          } as const,
        ]
      : []),
    ...(owed.length > 0
      ? [
          {
            level: 'notice',
            text: 'a run was cut off and owes handlers',
            details: some(owed),
            hint: 'fmc play site makes up for it',
          } as const,
        ]
      : []),
  ]
}

import { UsageError } from '../../errors.ts'

const UNITS: Readonly<Record<string, number>> = { m: 60, h: 3600, d: 86_400, w: 604_800 }

/**
 * The moment that an option names, in ISO 8601 with Z: a date and time with its zone, or a time from now. Throws UsageError.
 *
 *     momentOf('--valid-until', '3d')                      // three days from now
 *     momentOf('--not-before', '2026-12-06T02:00+01:00')   // '2026-12-06T01:00:00.000Z'
 */
export function momentOf(option: string, text: string, now = Date.now()): string {
  const [, count = '', unit = ''] = /^(\d{1,4})([mhdw])$/.exec(text) ?? []
  const seconds = UNITS[unit]
  if (seconds !== undefined) return new Date(now + Number(count) * seconds * 1000).toISOString()
  const parts = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d)?)(Z|[+-]\d\d:\d\d)$/.exec(text)
  const time = parts ? Date.parse(`${parts[1]}T${parts[2]}${parts[3]}`) : NaN
  if (!Number.isNaN(time)) return new Date(time).toISOString()
  throw new UsageError(`${option} ${text}: expected a time with its zone, or a time from now`, {
    hint: `${option} 2026-12-06T02:00+01:00   # or 3d, 36h, 90m`,
  })
}

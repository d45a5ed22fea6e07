import { UsageError } from '../../errors.ts'

const UNITS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/**
 * A time such as `30s`, `5m`, `1h` or `1d` in milliseconds; from 1 second to 7 days. Throws UsageError.
 *
 *     interval('--watch', '5m') // 300000
 */
export function interval(option: string, text: string): number {
  const [, number, unit = ''] = /^(\d{1,6})([smhd])$/.exec(text) ?? []
  const ms = Number(number) * (UNITS[unit] ?? NaN)
  if (ms >= 1000 && ms <= 7 * 86_400_000) return ms
  throw new UsageError(`${option} ${text}: expected a time from 1s to 7d, such as 30s, 5m or 1h`)
}

import { printJson, printVersion } from './print.ts'

/**
 * Prints data as NDJSON: first the version line that every command with `--output json` begins with, then one line per value.
 * Returns what prints further lines, for data that comes bit by bit.
 *
 *     const line = jsonLines()
 *     line({ type: 'host', name: 'web1' })
 */
export function jsonLines(values: Iterable<object> = []): (value: object) => void {
  printVersion()
  for (const value of values) printJson(value)
  return value => printJson(value)
}

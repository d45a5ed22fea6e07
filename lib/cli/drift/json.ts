import { totals, type Found, type HostFound } from './found.ts'
import type { Silent } from './check.ts'
import type { Compared } from './since.ts'
import type { Suspects } from './suspects.ts'

/** What the lines of `fmc drift --output json` are made of. */
export interface JsonCheck {
  readonly name: string
  readonly found: Found
  readonly ms: number
  readonly exitCode: number
  readonly at: string
  readonly compared?: readonly Compared[] | undefined
  readonly suspects?: readonly (Suspects | Silent)[]
}

/**
 * The lines after the version line: one `drift` for each host, one `suspects` for each host that was asked, and at the end one
 * `drift-recap`. docs/drift.md describes them.
 */
export function* checkLines(o: JsonCheck): Generator<object> {
  for (const host of o.found.hosts) yield hostLine(o.name, host, o.compared)
  for (const s of o.suspects ?? []) yield suspectsLine(s)
  yield recapLine(o)
}

/** What a host's records say. */
export const suspectsLine = (s: Suspects | Silent): object =>
  'why' in s
    ? { type: 'suspects', ...s }
    : {
        type: 'suspects',
        host: s.host,
        clockAheadSeconds: s.ahead,
        linesWithoutSense: s.odd,
        happened: s.happened.map(({ at, ...rest }) => ({
          ...(at === undefined ? {} : { at: new Date(at * 1000).toISOString() }),
          ...rest,
        })),
      }

/** One host: its state, and the state of each of its roles. */
export function hostLine(
  playbook: string,
  { cells, ...host }: HostFound,
  compared: readonly Compared[] | undefined,
): object {
  const ageOf = new Map(compared?.map(c => [c.drift, c]) ?? [])
  return {
    type: 'drift',
    playbook,
    ...host,
    roles: cells.map(c => ({
      role: c.role,
      state: c.state,
      tasks: c.drift.map(({ paths: _, units: __, ...drift }, i) => {
        const known = ageOf.get(c.drift[i] ?? { task: '', changes: [], paths: [], units: [] })
        return {
          ...drift,
          ...(known ? { age: known.age, ...(known.since ? { since: known.since.at } : {}) } : {}),
        }
      }),
      failures: c.failures,
    })),
  }
}

/** The last line. */
export const recapLine = ({ name, found, ms, exitCode, at }: JsonCheck): object => ({
  type: 'drift-recap',
  playbook: name,
  at,
  seconds: Math.round(ms) / 1000,
  hosts: found.hosts.length,
  ...totals(found),
  exitCode,
})

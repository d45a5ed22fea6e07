import type { Event } from '../engine/events.ts'
import { noteLine } from './blocks.ts'
import { safeJson } from './sanitise.ts'
import type { Report, ReportOptions } from './types.ts'
import { createWriter } from './writer.ts'

/**
 * What the NDJSON contract leaves out: `working` and a host's connecting, connected and done only
 * serve live output. In it are version, start, note, pass, play, task, host (new, unreachable or failed)
 * and recap.
 */
const inContract = (event: Event): boolean =>
  event.type === 'host'
    ? event.state === 'unreachable' || event.state === 'failed' || event.state === 'new'
    : event.type !== 'working'

/** One line of NDJSON, harmless on a terminal too. A task's `drift` is not part of the contract. */
export const ndjson = (event: Event): string =>
  `${safeJson(event.type === 'task' ? { ...event, drift: undefined } : event)}\n`

/**
 * One event per line on stdout and nothing else there; the first line is the version, the last the
 * recap. Notes also go to stderr, for people. What comes before the version waits for it; after the
 * recap nothing is printed on stdout any more.
 */
export const createJson = ({ stdout, stderr }: ReportOptions): Report => {
  const lines = createWriter(stdout)
  const people = createWriter(stderr)
  let waiting: Event[] | undefined = []
  let finished = false

  const print = (event: Event): void => {
    if (!finished) lines.write(ndjson(event))
    finished ||= event.type === 'recap'
  }
  const release = (): void => {
    const held = waiting ?? []
    waiting = undefined
    held.forEach(print)
  }
  return {
    on(event) {
      if (event.type === 'note') people.write(`${noteLine(event)}\n`)
      if (!inContract(event)) return
      if (event.type === 'version') {
        print(event)
        release()
      } else if (waiting) waiting.push(event)
      else print(event)
    },
    async end() {
      release()
      await Promise.all([lines.end(), people.end()])
    },
  }
}

import type { Event } from '../engine/events.ts'
import { noteLine } from './blocks.ts'
import { cleanLine } from '../text/sanitise.ts'
import { inContract, ndjson } from './contract.ts'
import type { Report, ReportOptions } from './types.ts'
import { createWriter } from './writer.ts'

/**
 * Prints one event per line on stdout and nothing else there: the version first, the recap last. Events before the
 * version wait for it; events after the recap are dropped. Notes also go to stderr, for people.
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
      if (event.type === 'stopping') people.write(`fmc: ${cleanLine(event.text)}\n`)
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

import { Writable } from 'node:stream'
import type { Event } from '../../lib/engine/events.ts'
import type { ReportKind, ReportOptions } from '../../lib/report/index.ts'
import { createReport } from '../../lib/report/index.ts'

/** A stream that keeps what was written; `delay` makes it a slow reader with a buffer of one chunk. */
export class Sink extends Writable {
  text = ''
  readonly chunks: string[] = []
  readonly isTTY = true
  columns: number
  rows: number
  readonly #delay: number | undefined
  constructor({
    columns = 80,
    rows = 24,
    delay,
  }: { columns?: number; rows?: number; delay?: number } = {}) {
    super({ highWaterMark: delay === undefined ? 16384 : 1, decodeStrings: false })
    this.columns = columns
    this.rows = rows
    this.#delay = delay
  }
  override _write(chunk: string, _encoding: string, done: () => void): void {
    this.text += chunk
    this.chunks.push(chunk)
    if (this.#delay === undefined) done()
    else setTimeout(done, this.#delay)
  }
}

/** Gives the events to a new report and returns what it printed. */
export const print = async (
  kind: ReportKind,
  events: readonly Event[],
  options: Partial<ReportOptions> = {},
): Promise<{ out: string; err: string }> => {
  const [stdout, stderr] = [new Sink(), new Sink()]
  const report = await createReport(kind, {
    stdout,
    stderr,
    color: false,
    columns: 80,
    rows: 24,
    diff: false,
    verbose: false,
    ...options,
  })
  for (const event of events) report.on(event)
  await report.end()
  return { out: stdout.text, err: stderr.text }
}

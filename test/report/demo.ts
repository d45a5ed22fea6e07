/**
 * Replays a synthetic run on this terminal, to look at the reports:
 *   node scripts/run.js test/report/demo.ts <12|12-failures|12-dry|100|100-dry> [tty|plain|json] [speed]
 */
import { canMoveCursor } from '../../lib/cli/print.ts'
import { createReport } from '../../lib/report/index.ts'
import { events, hundred, twelve } from './streams.ts'

const scripts = {
  '12': twelve(false),
  '12-failures': twelve(false, true),
  '12-dry': twelve(true),
  '100': hundred(false),
  '100-dry': hundred(true),
}

const [name = '12', kind = canMoveCursor() ? 'tty' : 'plain', speed = '1'] = process.argv.slice(2)
const report = await createReport(kind as 'tty', {
  stdout: process.stdout,
  stderr: process.stderr,
  color: process.stdout.isTTY && !process.env['NO_COLOR'],
  columns: process.stdout.columns || 80,
  rows: process.stdout.rows || 24,
  diff: true,
  verbose: false,
  known: (_host, _role, task) => (task.startsWith('artifact') ? 3000 : 800),
})
const stop = new AbortController()
process.once('SIGINT', () => {
  stop.abort()
  report.on({
    type: 'stopping',
    text: 'stopping after the running tasks; press Ctrl-C again to end them',
  })
})
let stoppedAt: number | undefined
const begun = Date.now()
for (const [at, event] of events(scripts[name as keyof typeof scripts])) {
  if (stop.signal.aborted) stoppedAt ??= Date.now()
  if (stoppedAt !== undefined && Date.now() - stoppedAt > 1500) {
    if (event.type !== 'recap') continue
    report.on({ ...event, exitCode: 130, next: 'fmc play site --lab --limit cloud' })
    continue
  }
  const wait = at / Number(speed) - (Date.now() - begun)
  if (wait > 5) await new Promise(done => setTimeout(done, wait))
  report.on(event)
}
await report.end()

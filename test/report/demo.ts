/**
 * Replays a synthetic run on this terminal, to look at the reports:
 *   npx tsx test/report/demo.ts <12|12-failures|12-dry|100|100-dry> [tty|plain|json] [speed]
 */
import { createReport } from '../../lib/report/index.ts'
import { events, hundred, twelve } from './streams.ts'

const scripts = {
  '12': twelve(false),
  '12-failures': twelve(false, true),
  '12-dry': twelve(true),
  '100': hundred(false),
  '100-dry': hundred(true),
}

const [name = '12', kind = 'tty', speed = '1'] = process.argv.slice(2)
const report = await createReport(kind as 'tty', {
  stdout: process.stdout,
  stderr: process.stderr,
  color: process.stdout.isTTY && !process.env['NO_COLOR'],
  columns: process.stdout.columns || 80,
  rows: process.stdout.rows || 24,
  diff: true,
  verbose: false,
})
const begun = Date.now()
for (const [at, event] of events(scripts[name as keyof typeof scripts])) {
  const wait = at / Number(speed) - (Date.now() - begun)
  if (wait > 5) await new Promise(done => setTimeout(done, wait))
  report.on(event)
}
await report.end()

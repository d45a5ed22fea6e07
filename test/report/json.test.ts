import { Writable } from 'node:stream'
import t from 'tap'
import type { Event } from '../../lib/engine/events.ts'
import { createReport } from '../../lib/report/index.ts'
import { Sink, print } from './sink.ts'
import { events, hundred, twelve } from './streams.ts'

const parse = (out: string): Event[] =>
  out
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line) as Event)
const run = (all = events(twelve(false, true))): Event[] => all.map(([, event]) => event)

void t.test('each event is one line, except those for live output only', async t => {
  const { out, err } = await print('json', run())
  const wanted = run().filter(
    event =>
      event.type !== 'working' &&
      event.type !== 'planned' &&
      !(event.type === 'host' && !['failed', 'unreachable'].includes(event.state)),
  )
  t.strictSame(parse(out), wanted)
  t.equal(parse(out)[0]?.type, 'version')
  t.equal(parse(out).at(-1)?.type, 'recap')
  t.equal(err, '')
})

void t.test('a note is an event for programs and a line on stderr for people', async t => {
  const note: Event = { type: 'note', level: 'warning', text: 'a\u001b[31mb', host: 'web1' }
  const { out, err } = await print('json', [{ type: 'version', fmc: '1', contract: 1 }, note])
  t.strictSame(parse(out)[1], note)
  t.equal(err, 'fmc: warning: web1: a^[[31mb\n')
  t.notMatch(out, '\u001b')
})

void t.test(
  'the version is the first line and the recap the last, whatever comes around them',
  async t => {
    const [version, ...rest] = run()
    const note: Event = { type: 'note', level: 'info', text: 'early and late' }
    const { out, err } = await print('json', [note, version!, ...rest, note])
    t.equal(parse(out)[0]?.type, 'version')
    t.strictSame(parse(out)[1], note)
    t.equal(parse(out).at(-1)?.type, 'recap')
    t.equal(err, 'fmc: early and late\n'.repeat(2))
  },
)

void t.test(
  'control characters that JSON would let through are escaped, and come back the same',
  async t => {
    const note: Event = { type: 'note', level: 'info', text: '\u007f\u009b31m\u2028\ud800' }
    const { out } = await print('json', [{ type: 'version', fmc: '1', contract: 1 }, note])
    t.notMatch(out, /[\u007f-\u009f\u2028]/)
    t.strictSame(parse(out)[1], note)
  },
)

void t.test('a slow reader gets every line, in order, before end() resolves', async t => {
  const stdout = new Sink({ delay: 1 })
  const given = run(events(hundred(false)))
  const report = await createReport('json', {
    stdout,
    stderr: new Sink(),
    color: false,
    columns: 80,
    rows: 24,
    diff: false,
    verbose: false,
  })
  for (const event of given) report.on(event)
  const before = stdout.chunks.length
  await report.end()
  t.ok(before < 3, 'the report did not wait for the reader')
  t.equal(
    parse(stdout.text).filter(({ type }) => type === 'task').length,
    given.filter(({ type }) => type === 'task').length,
  )
  t.equal(parse(stdout.text).at(-1)?.type, 'recap')
})

void t.test('a reader that closes its end is not an error', async t => {
  let written = 0
  const stdout = new Writable({
    highWaterMark: 1,
    write: (_chunk, _encoding, done) =>
      done(++written > 2 ? Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }) : null),
  })
  await print('json', run(), { stdout })
  t.ok(written <= 4, 'what is left was dropped')
})

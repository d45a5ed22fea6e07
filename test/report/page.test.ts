import t from 'tap'
import type { Event } from '../../lib/engine/events.ts'
import { pageLines } from '../../lib/report/page.ts'
import { noColor } from '../../lib/report/style.ts'
import { print } from './sink.ts'

const PAGE = {
  title: 'Health of x: 1 broken',
  findings: [
    { level: 'broken', text: 'etcd', details: ['m1: k3s is \u001b[31mfailed'], hint: 'start it' },
    { level: 'fine', text: 'disks' },
  ],
} as const
const counts = {
  ok: 1,
  changed: 0,
  skipped: 0,
  failed: 0,
  unreachable: 1,
  unpredicted: 0,
  unneeded: 0,
}
const EVENTS: readonly Event[] = [
  { type: 'version', fmc: '0', contract: 1 },
  {
    type: 'start',
    command: 'play health',
    dryRun: false,
    lab: false,
    readOnly: true,
    plays: [{ play: 'Look', hosts: ['m1'], roles: ['health'] }],
    hosts: ['m1'],
  },
  { type: 'pass', pass: 'plan', state: 'start' },
  { type: 'host', host: 'm1', state: 'unreachable', failure: { message: 'no answer from m1' } },
  { type: 'pass', pass: 'plan', state: 'end' },
  { type: 'page', ...PAGE },
  { type: 'recap', ...counts, dryRun: false, seconds: 1, hosts: { m1: counts }, exitCode: 2 },
]

void t.test('lines', t => {
  t.strictSame(pageLines(PAGE, noColor, 40), [
    'Health of x: 1 broken',
    '',
    '✗ BROKEN    etcd',
    '            m1: k3s is ^[[31mfailed',
    '            → start it',
    '',
    '✓ fine      disks',
  ])
  t.end()
})

for (const kind of ['plain', 'tty', 'json'] as const)
  void t.test(`${kind}: a check is its page`, async t => {
    const { out: text } = await print(kind, EVENTS)
    if (kind === 'json') {
      const lines = text
        .trim()
        .split('\n')
        .map(l => JSON.parse(l) as Event)
      t.match(lines.at(-2), { type: 'page', ...PAGE })
      t.match(lines.at(-1), { type: 'recap', exitCode: 2 })
      return
    }
    t.match(text, /✗ BROKEN {4}etcd\n/)
    t.notMatch(text, /Changed 0|no answer from m1|unreachable=/, 'and nothing besides')
  })

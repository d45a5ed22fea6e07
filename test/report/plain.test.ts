import t from 'tap'
import type { Event } from '../../lib/engine/events.ts'
import { print } from './sink.ts'
import { events, twelve } from './streams.ts'

type Task = Extract<Event, { type: 'task' }>
const task = (rest: Partial<Task>): Event => ({
  type: 'task',
  host: 'web1',
  play: 'Web',
  role: 'nginx',
  task: 'file /etc/nginx.conf',
  status: 'ok',
  predicted: false,
  changes: [],
  ms: 400,
  ...rest,
})
const start = (dryRun: boolean): Event => ({
  type: 'start',
  command: 'play site',
  dryRun,
  lab: false,
  plays: [],
  hosts: ['web1'],
})

const lines: [string, boolean, Partial<Task>, string][] = [
  ['an ok task is not shown', false, {}, ''],
  [
    'drift that was left alone is',
    true,
    { note: 'drift, left as it is: memory', drift: true },
    'Web | web1 | nginx | file /etc/nginx.conf | ok | drift, left as it is: memory\n',
  ],
  [
    'a change',
    false,
    { status: 'changed', changes: [{ what: 'content' }, { what: 'mode 0600 → 0644' }] },
    'Web | web1 | nginx | file /etc/nginx.conf | changed | content, mode 0600 → 0644; 0.4 s\n',
  ],
  [
    'a change that was not predicted',
    false,
    { status: 'changed', changes: [{ what: 'run' }], unpredicted: true, note: 'by another task' },
    'Web | web1 | nginx | file /etc/nginx.conf | changed | run, by another task; unpredicted; 0.4 s\n',
  ],
  [
    'predicted and not needed',
    false,
    { unneeded: true },
    'Web | web1 | nginx | file /etc/nginx.conf | ok | predicted but not needed; 0.4 s\n',
  ],
  [
    'what a dry run predicts',
    true,
    { status: 'changed', changes: [{ what: 'content' }], estimate: true },
    'Web | web1 | nginx | file /etc/nginx.conf | would change | content; estimate\n',
  ],
  [
    'target text cannot forge lines',
    false,
    { status: 'changed', task: 'x\n\u001b[2JWeb | web2', changes: [{ what: 'a\rb' }] },
    'Web | web1 | nginx | x\\n^[[2JWeb | web2 | changed | a\\rb; 0.4 s\n',
  ],
]
for (const [title, dryRun, given, wanted] of lines)
  void t.test(title, async t => {
    const { out } = await print('plain', [start(dryRun), task(given)])
    t.equal(out, wanted)
  })

void t.test('verbose shows what is ok', async t => {
  const { out } = await print('plain', [start(false), task({})], { verbose: true })
  t.equal(out, 'Web | web1 | nginx | file /etc/nginx.conf | ok | 0.4 s\n')
})

void t.test('diffs only with diff', async t => {
  const changed = task({
    status: 'changed',
    changes: [{ what: 'content', diff: '@@ -1 +1 @@\n-a\n+b\u0007\n' }],
  })
  t.notMatch((await print('plain', [start(false), changed])).out, '@@')
  const { out } = await print('plain', [start(false), changed], { diff: true })
  t.match(out, '\n    @@ -1 +1 @@\n    -a\n    +b^G\n')
})

void t.test('a run shows a planned change only when it is made', async t => {
  const { out } = await print('plain', [
    start(false),
    { type: 'pass', pass: 'plan', state: 'start' },
    task({ status: 'changed' }),
    { type: 'pass', pass: 'plan', state: 'end' },
    { type: 'pass', pass: 'apply', state: 'start' },
    task({ status: 'changed' }),
  ])
  t.equal(out.match(/ \| changed \| /g)?.length, 1)
  t.ok(out.indexOf('== apply') < out.indexOf('| changed |'))
})

void t.test(
  'a failure stands in full where it happens, the cause first and once; the end says where it was',
  async t => {
    const { out } = await print(
      'plain',
      events(twelve(false, true)).map(([, event]) => event),
    )
    const block = [
      '✗ postgresql1: the new content is not valid; the old file is in place',
      '  output:',
      '    LOG:  invalid value for parameter "shared_buffers": "12XB"',
      '    ^[[31mHINT^[[0m:  Valid units are "B", "kB", "MB", "GB", and "TB".',
      '    FATAL:  configuration file contains errors',
      '  command: postgres -C shared_buffers -D /run/fmc.check',
      '  hint: correct postgresql_settings in inventory.yaml:88',
    ]
    t.match(out, block.map(line => `    ${line}\n`).join(''), 'where it happened')
    t.match(
      out,
      '\nunreachable: worker3\nfailed: postgresql1 › postgresql › file /etc/postgresql/15/main/conf.d/fmc.conf\n',
      'at the end',
    )
    t.equal(out.match(/connect ETIMEDOUT/g)?.length, 1)
    t.equal(out.match(/the new content is not valid/g)?.length, 1)
    t.match(out, /\npostgresql1 +: ok=0 +changed=1 +skipped=0 +failed=1 /)
    t.match(out, /1 task failed, 1 host unreachable\.\n$/)
  },
)

void t.test('warnings go to stderr, other notes into the log', async t => {
  const { out, err } = await print('plain', [
    { type: 'note', level: 'info', text: 'lab is up' },
    { type: 'note', level: 'warning', text: 'swap is on', host: 'web1' },
  ])
  t.equal(out, 'fmc: lab is up\n')
  t.equal(err, 'fmc: warning: web1: swap is on\n')
})

void t.test('colour is codes around the same text', async t => {
  const given = events(twelve(false, true)).map(([, event]) => event)
  const plain = await print('plain', given)
  const colored = await print('plain', given, { color: true })
  t.notMatch(plain.out, '\u001b')
  t.match(colored.out, '\u001b[31m')
  t.equal(colored.out.replace(/\u001b\[\d+m/g, ''), plain.out)
})

import t from 'tap'
import type { Event } from '../../lib/engine/events.ts'
import { createStyle, noColor } from '../../lib/report/style.ts'
import { createTree, reduce } from '../../lib/report/tree.ts'
import type { Tree } from '../../lib/report/tree.ts'
import { finalView, liveView } from '../../lib/report/view.ts'
import { width } from '../../lib/report/width.ts'
import { events, hundred, twelve } from './streams.ts'

const frame = { columns: 79, rows: 23, now: 0, spinner: '*' }
const failure = { message: 'no route\u001b[2J', hint: 'x' }

const start = (plays: Record<string, string[]>, dryRun = false): Event => ({
  type: 'start',
  command: 'play site',
  dryRun,
  lab: false,
  plays: Object.entries(plays).map(([play, hosts]) => ({ play, hosts, roles: [] })),
  hosts: [...new Set(Object.values(plays).flat())],
})
const working = (host: string, play: string, task: string, text?: string): Event => ({
  type: 'working',
  host,
  play,
  role: 'nfs',
  task,
  ...(text === undefined ? {} : { text }),
})
const task = (
  host: string,
  play: string,
  status: 'ok' | 'changed' | 'failed',
  name = 't',
): Event => ({
  type: 'task',
  host,
  play,
  role: 'nfs',
  task: name,
  status,
  predicted: true,
  changes: [],
  ms: 2000,
  ...(status === 'failed' ? { failure } : {}),
})
const pass = (name: 'plan' | 'apply' | 'verify', state: 'start' | 'end' = 'start'): Event => ({
  type: 'pass',
  pass: name,
  state,
})
const grow = (...all: [number, Event][]): Tree => {
  const tree = createTree(0)
  for (const [at, event] of all) reduce(tree, event, at)
  return tree
}

void t.test('a line per host under its play, with task, counts and time', t => {
  const tree = grow(
    [0, start({ Web: ['web1', 'web2', 'long-name'], Data: ['db'] })],
    [0, pass('apply')],
    [0, task('web1', 'Web', 'changed')],
    [100, working('web1', 'Web', 'service nginx', 'waits for dpkg')],
    [100, task('web2', 'Web', 'failed', 'file /x')],
  )
  t.strictSame(liveView(tree, { ...frame, now: 4100 }, noColor), [
    'Applying  1 failed · 1 running · 2 waiting                                4.1 s',
    '* Web  3 hosts',
    '  * web1       nfs › service nginx (waits for dpkg)            1 changed  4.0 s',
    '  ✗ web2       nfs › file /x: no route^[[2J                               2.0 s',
    '  · long-name  waiting',
    '· Data  1 host',
    '  · db         waiting',
  ])
  t.strictSame(liveView(tree, { ...frame, columns: 39, now: 4100 }, noColor), [
    'Applying  ✗ 1  * 1  · 2           4.1 s',
    '* Web  3 hosts',
    '  * web1       service nginx      4.0 s',
    '               waits for dpkg',
    '  ✗ web2       file /x: no rout…  2.0 s',
    '  · long-name  waiting',
    '· Data  1 host',
    '  · db         waiting',
  ])
  t.end()
})

void t.test('what does not fit folds: ok, then waiting, then changed, then quiet plays', t => {
  const tree = grow(
    [0, start({ A: ['a1', 'a2', 'a3'], B: ['b1', 'b2'], C: ['c1', 'c2'], D: ['d1'] })],
    [0, pass('apply')],
    [0, task('a1', 'A', 'ok')],
    [0, task('a2', 'A', 'ok')],
    [0, task('a3', 'A', 'changed')],
    [0, { type: 'play', play: 'A', state: 'end', hosts: [] }],
    [0, task('b1', 'B', 'ok')],
    [0, task('b2', 'B', 'ok')],
    [0, { type: 'play', play: 'B', state: 'end', hosts: [] }],
    [0, working('c1', 'C', 'mount')],
  )
  const shape = (rows: number): string[] => liveView(tree, { ...frame, rows }, noColor).slice(1)
  t.equal(shape(13).length, 12, 'all of it')
  t.strictSame(shape(12), [
    '~ A  1 changed · 2 ok',
    '  ~ a3  1 changed                                                         2.0 s',
    '✓ B  2 ok',
    '* C  2 hosts',
    '  * c1  nfs › mount',
    '  · c2  waiting',
    '· D  1 host',
    '  · d1  waiting',
  ])
  t.strictSame(shape(8), [
    '~ A  1 changed · 2 ok',
    '  ~ a3  1 changed                                                         2.0 s',
    '✓ B  2 ok',
    '* C  1 running · 1 waiting',
    '  * c1  nfs › mount',
    '· D  1 waiting',
  ])
  t.strictSame(shape(6), [
    '~ A  1 changed · 2 ok',
    '✓ B  2 ok',
    '* C  1 running · 1 waiting',
    '  * c1  nfs › mount',
    '· D  1 waiting',
  ])
  t.strictSame(shape(5), [
    '~ 2 plays  1 changed · 4 ok',
    '* C  1 running · 1 waiting',
    '  * c1  nfs › mount',
    '· D  1 waiting',
  ])
  t.end()
})

void t.test('a hundred running hosts are cut to the rows, failed ones stay', t => {
  const hosts = Array.from({ length: 100 }, (_, n) => `n${n}`)
  const tree = grow(
    [0, start({ A: hosts })],
    ...hosts.map((host): [number, Event] => [0, working(host, 'A', 'x')]),
    [0, task('n99', 'A', 'failed', 'y')],
  )
  const lines = liveView(tree, { ...frame, rows: 8 }, noColor)
  t.equal(lines.length, 8)
  t.match(lines[6], /✗ n99 /)
  t.equal(lines[7], '  … and 95 more hosts')
  t.end()
})

void t.test('96 finished hosts are one line', t => {
  const hosts = Array.from({ length: 100 }, (_, n) => `n${n}`)
  const tree = grow(
    [0, start({ A: hosts })],
    [0, pass('apply')],
    ...hosts.map((host): [number, Event] => [0, task(host, 'A', 'ok')]),
    ...hosts.slice(96).map((host): [number, Event] => [0, working(host, 'A', 'x')]),
  )
  t.equal(liveView(tree, { ...frame, now: 2000 }, noColor)[1], '* A  4 running · 96 ok')
  t.end()
})

void t.test('no frame of any run is larger than the terminal, in colour or without', async t => {
  const styles = [noColor, await createStyle(true)]
  for (const script of [twelve(true), twelve(false, true), hundred(false)])
    for (const [columns, rows] of [
      [120, 40],
      [80, 24],
      [40, 15],
      [20, 5],
    ] as const) {
      const tree = createTree(0)
      let worst = [0, 0]
      for (const [n, [now, event]] of events(script).entries()) {
        reduce(tree, event, now)
        if (n % 17 !== 0) continue
        for (const style of styles) {
          const lines = liveView(tree, { ...frame, columns, rows, now }, style)
          worst = [Math.max(worst[0]!, lines.length), Math.max(worst[1]!, ...lines.map(width))]
        }
      }
      t.ok(worst[0]! <= rows && worst[1]! <= columns, `${columns}x${rows}: ${worst.join(', ')}`)
    }
})

void t.test('the apply’s counts replace the plan’s: nothing counts twice', t => {
  const tree = grow(
    [0, start({ A: ['a', 'b', 'c'] })],
    [0, pass('plan')],
    [0, task('a', 'A', 'ok')],
    [0, task('a', 'A', 'changed')],
    [0, task('b', 'A', 'ok')],
    [0, working('c', 'A', 'x')],
    [0, pass('plan', 'end')],
    [0, pass('apply')],
  )
  t.strictSame(liveView(tree, frame, noColor).slice(2), [
    '  · a  1 planned',
    '  ✓ b  1 ok                                                               2.0 s',
    '  · c  waiting',
  ])
  for (const event of [task('a', 'A', 'ok'), task('a', 'A', 'changed'), pass('apply', 'end')])
    reduce(tree, event, 0)
  reduce(tree, pass('verify'), 0)
  reduce(tree, task('a', 'A', 'ok'), 0)
  reduce(tree, pass('verify', 'end'), 0)
  t.match(liveView(tree, frame, noColor)[2], /~ a {2}1 changed, 1 ok/)
  t.end()
})

void t.test(
  'a lost host fails in its current play; later plays show that they were not reached',
  t => {
    const tree = grow(
      [0, start({ A: ['a', 'b'], B: ['a'] })],
      [0, { type: 'host', host: 'a', state: 'connecting' }],
      [0, { type: 'host', host: 'b', state: 'connecting' }],
      [0, { type: 'host', host: 'a', state: 'unreachable', failure }],
    )
    t.strictSame(liveView(tree, { ...frame, now: 500 }, noColor), [
      'Connecting  1 unreachable · 1 running                                     0.5 s',
      '* A  2 hosts',
      '  ! a  connecting: no route^[[2J',
      '  * b  connecting                                                         0.5 s',
      '- B  1 host',
      '  - a  not reached',
    ])
    t.end()
  },
)

void t.test('the tree that stays: a line per play and the hosts that failed', t => {
  const tree = createTree(0)
  for (const [now, event] of events(twelve(false, true))) reduce(tree, event, now)
  t.strictSame(finalView(tree, frame, noColor), [
    '✓ Hypervisor  1 ok',
    '~ DNS and time  1 changed                                                 2.4 s',
    '✓ Storage  1 ok',
    '✗ Database  1 host                                                        3.2 s',
    '  ✗ postgresql1    postgresql › file /etc/postgresql/15/main/conf.d/fmc…  3.2 s',
    '~ K3s servers  1 changed · 2 ok                                           2.1 s',
    '~ Load balancers  2 changed                                               5.1 s',
    '! K3s agents  1 unreachable · 2 ok',
    '  ! worker3        k3s-agent › unit k3s-agent.service: worker3: connect ETIMED…',
  ])
  t.end()
})

void t.test('when a run ends early, waiting hosts were not reached', t => {
  const tree = grow(
    [0, start({ A: ['a'], B: ['b'] })],
    [0, pass('apply')],
    [0, task('a', 'A', 'failed')],
  )
  const zero = {
    ok: 0,
    changed: 0,
    skipped: 0,
    failed: 1,
    unreachable: 0,
    unpredicted: 0,
    unneeded: 0,
  }
  reduce(tree, { type: 'recap', dryRun: false, seconds: 1, hosts: {}, exitCode: 2, ...zero }, 0)
  t.equal(finalView(tree, frame, noColor).at(-1), '- B  1 not reached')
  t.end()
})

void t.test('a host that does not exist yet will be created, then changed', t => {
  const tree = grow(
    [0, start({ A: ['a'] }, true)],
    [0, { type: 'host', host: 'a', state: 'connecting' }],
    [0, { type: 'host', host: 'a', state: 'new', by: 'h' }],
    [0, pass('plan')],
    [0, task('a', 'A', 'changed')],
    [0, pass('plan', 'end')],
  )
  t.match(liveView(tree, frame, noColor).join('\n'), /~ a {2}will be created, then 1 change/)
  t.end()
})

/** What the engine says at the start of the apply: [host, task] by play. */
const planned = (
  play: string,
  stage: number,
  tasks: readonly (readonly [host: string, task: string])[],
  batches = [[...new Set(tasks.map(([host]) => host))]],
): Event => ({
  type: 'planned',
  play,
  stage,
  batches,
  forks: 50,
  tasks: tasks.map(([host, task]) => ({ host, role: 'nfs', task })),
})
const playState = (play: string, state: 'start' | 'end'): Event => ({
  type: 'play',
  play,
  state,
  hosts: [],
})

void t.test('how far and how long: changes, rest, time of each play, the host it waits for', t => {
  const tree = createTree(0, (host, _role, task) =>
    task === 'new' ? undefined : host === 'w2' ? 120_000 : 30_000,
  )
  for (const [at, event] of [
    [0, start({ Web: ['w1', 'w2'], Data: ['db'] })],
    [0, pass('apply')],
    [
      0,
      planned('Web', 0, [
        ['w1', 'a'],
        ['w1', 'b'],
        ['w2', 'a'],
        ['w2', 'b'],
      ]),
    ],
    [0, planned('Data', 1, [['db', 'new']])],
    [0, playState('Web', 'start')],
    [0, working('w2', 'Web', 'a')],
    [0, working('w1', 'Web', 'a')],
    [30_000, task('w1', 'Web', 'changed', 'a')],
    [30_000, working('w1', 'Web', 'b', 'Get:3 http://mirror/a-package [13 MB]')],
  ] as [number, Event][])
    reduce(tree, event, at)
  t.strictSame(
    liveView(tree, { ...frame, now: 60_000 }, noColor),
    [
      'Applying 1/5 changes  2 running · 1 waiting         1 min 0 s, about 5 min left',
      '* Web  2 hosts                                           slowest: w2  1 min 0 s',
      '  * w1  nfs › b (Get:3 http://mirror/a-package [13 MB])       1/2 changed  30 s',
      '  * w2  nfs › a                                          0/2 changed  1 min 0 s',
      '· Data  1 host',
      '  · db  waiting',
    ].map(line => line),
  )
  t.end()
})

void t.test(
  'a task that failed is not made: the host has nothing left, and the total shrinks',
  t => {
    const tree = grow(
      [0, start({ Web: ['w1', 'w2'] })],
      [0, pass('apply')],
      [
        0,
        planned('Web', 0, [
          ['w1', 'a'],
          ['w1', 'b'],
          ['w2', 'a'],
        ]),
      ],
      [0, task('w1', 'Web', 'failed', 'a')],
      [0, task('w2', 'Web', 'changed', 'a')],
      [0, task('w2', 'Web', 'changed', 'not planned')],
    )
    t.match(liveView(tree, frame, noColor)[0], /^Applying 2\/2 changes {2}/)
    t.end()
  },
)

void t.test(
  'what a long task says has a line of its own where it does not fit, if there is room',
  t => {
    const said = `Unpacking ${'x'.repeat(60)}\u001b[2J`
    const tree = grow(
      [0, start({ Web: ['w1', 'w2'] })],
      [0, working('w1', 'Web', 'packages', said)],
    )
    t.strictSame(liveView(tree, frame, noColor).slice(1), [
      '* Web  2 hosts',
      '  * w1  nfs › packages',
      `        Unpacking ${'x'.repeat(60)}…`,
      '  · w2  waiting',
    ])
    t.strictSame(
      liveView(tree, { ...frame, rows: 4 }, noColor).slice(1),
      [
        '* Web  1 running · 1 waiting',
        '  * w1  nfs › packages',
        `        Unpacking ${'x'.repeat(60)}…`,
      ],
      'before that, hosts fold',
    )
    t.match(liveView(tree, { ...frame, rows: 3 }, noColor)[2], /^ {2}\* w1 {2}nfs › packages \(Unp/)
    t.end()
  },
)

void t.test('of a progress bar the last state', t => {
  const bar = ' 10%\r 20%\r 30% of 72 MB\r'
  const tree = grow([0, start({ Web: ['w1'] })], [0, working('w1', 'Web', 'fetch', bar)])
  t.match(liveView(tree, frame, noColor)[2], '  * w1  nfs › fetch ( 30% of 72 MB)')
  t.end()
})

void t.test('a task on another host belongs to the host whose role runs it', t => {
  const tree = grow(
    [0, start({ Web: ['w1'] })],
    [0, pass('apply')],
    [0, { ...working('db', 'Web', 'file /x'), delegatedBy: 'w1' } as Event],
  )
  t.strictSame(liveView(tree, frame, noColor).slice(1), [
    '* Web  1 host',
    '  * w1  nfs › file /x on db',
  ])
  reduce(tree, { ...task('db', 'Web', 'changed'), delegatedBy: 'w1' } as Event, 0)
  t.match(tree.plays[0]?.rows.get('w1'), { changed: 1 })
  t.equal(tree.plays[0]?.rows.size, 1)
  t.end()
})

void t.test('what Ctrl-C does stays on the last line, whatever is said after it', t => {
  const tree = grow(
    [0, start({ Web: ['w1'] })],
    [0, working('w1', 'Web', 'x')],
    [0, { type: 'stopping', text: 'stopping after the running tasks' }],
    [0, { type: 'note', level: 'info', text: 'another message' }],
  )
  for (const rows of [24, 3])
    t.equal(
      liveView(tree, { ...frame, rows }, noColor).at(-1),
      'stopping after the running tasks',
      `${rows} rows`,
    )
  t.end()
})

void t.test('the recap says what was not reached', t => {
  const zero = {
    ok: 0,
    changed: 0,
    skipped: 0,
    failed: 1,
    unreachable: 0,
    unpredicted: 0,
    unneeded: 0,
  }
  const tree = grow(
    [0, start({ A: ['a', 'b', 'c'], B: ['b', 'c', 'd'] })],
    [0, pass('apply')],
    [0, task('a', 'A', 'failed')],
    [0, task('b', 'A', 'changed')],
    [0, playState('A', 'end')],
    [
      0,
      {
        ...{ type: 'recap', dryRun: false, seconds: 1, hosts: {}, exitCode: 2, ...zero },
        notReached: { b: ['B'], c: ['B'], d: ['B'] },
      },
    ],
  )
  t.strictSame(
    finalView(tree, frame, noColor),
    [
      '✗ A  1 failed · 1 changed · 1 ok                                          ',
      '  ✗ a  nfs › t: no route^[[2J                                             2.0 s',
      '- B  3 not reached',
    ].map(line => line.trimEnd()),
  )
  t.end()
})

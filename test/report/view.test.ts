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
    '  * web1       service nginx (w…  4.0 s',
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
    '~ DNS and time  1 changed',
    '✓ Storage  1 ok',
    '✗ Database  1 host',
    '  ✗ postgresql1    postgresql › file /etc/postgresql/15/main/conf.d/fmc…  3.2 s',
    '~ K3s servers  1 changed · 2 ok',
    '~ Load balancers  2 changed',
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
  t.equal(finalView(tree, frame, noColor).at(-1), '- B  1 skipped')
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

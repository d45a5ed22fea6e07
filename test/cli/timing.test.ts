// --timing: where the time of a run goes.
import { join } from 'node:path'
import t from 'tap'
import { Timing, union } from '../../lib/cli/timing.ts'
import type { Event, TaskEvent } from '../../lib/engine/events.ts'
import type { OpenSession, Output, Session } from '../../lib/ssh/types.ts'
import { ROOT, run } from '../rig/lab.ts'

void t.test('time in which at least one was busy counts once', t => {
  t.equal(union([]), 0)
  t.equal(union([[1, 3]]), 2)
  t.equal(union([[5, 6], [1, 3], [2, 4]]), 4) // prettier-ignore
  t.equal(union([[1, 9], [2, 3], [9, 10]]), 9) // prettier-ignore
  t.end()
})

const DONE: Output = { code: 0, stdout: '', stderr: '' }

const task = (name: string, ms: number): TaskEvent => ({
  ...{ type: 'task', host: 'a', play: 'p', role: 'r', task: name, status: 'ok' },
  ...{ predicted: false, changes: [], ms },
})

const recap = { type: 'recap' } as Event

void t.test('phases, parts, hosts and tasks of a run, by a clock of the test', async t => {
  let now = 0
  const timing = new Timing(() => now)
  const takes =
    (ms: number) =>
    <T>(result: T): Promise<T> =>
      Promise.resolve().then(() => {
        now += ms
        return result
      })
  const open: OpenSession = target => {
    const host = { target, run: () => takes(500)(DONE) } as unknown as Session
    return takes(1000)({ session: host, first: takes(200)(DONE) })
  }
  now = 3000
  timing.on({ type: 'start', command: '', dryRun: false, lab: false, plays: [], hosts: [] })
  timing.on({ type: 'pass', pass: 'plan', state: 'start' })
  const target = { name: 'a', address: '', port: 22, user: 'root', sudo: false }
  const opened = await timing.watch(open)(target, 'boot')
  await opened.first
  await opened.session.run('question', { marked: true })
  timing.on({ type: 'pass', pass: 'plan', state: 'end' })
  timing.on({ type: 'pass', pass: 'apply', state: 'start' })
  await opened.session.run('change')
  now += 4000
  timing.on(task('gate it is up', 4000))
  for (let ms = 1; ms <= 6; ms++) {
    now += ms * 10
    timing.on(task(`file /${ms}`, ms * 10))
  }
  timing.on({ type: 'pass', pass: 'apply', state: 'end' })
  timing.on(recap)
  now += 7
  const lines = timing.lines()
  t.match(lines[1], /^ {2}start +\d+\.\d{3} s$/)
  const rest = lines.filter(line => !/^ {2}(start|load) /.test(line))
  t.strictSame(rest, [
    'Time of each phase:',
    '  plan          1.700 s',
    '  apply         4.710 s',
    '  close         0.007 s',
    '  total         9.417 s',
    'Meanwhile, time in which at least one host was busy with:',
    '  connect       1.200 s; the slowest host: a 1.200 s',
    '  questions     0.500 s; the slowest host: a 0.500 s',
    '  changes       0.500 s; the slowest host: a 0.500 s',
    '  gates         4.000 s; the slowest host: a 4.000 s',
    'Slowest hosts:',
    '      6.200 s  a',
    'Slowest tasks:',
    '      4.000 s  a | r | gate it is up',
    '      0.060 s  a | r | file /6',
    '      0.050 s  a | r | file /5',
    '      0.040 s  a | r | file /4',
    '      0.030 s  a | r | file /3',
    'The run waited most for a: 4.2 s (45 %). The longest task: r › gate it is up on a, 4.0 s.',
    'The critical path (a shorter task on it makes the run shorter):',
    '  after 3.0 s  -  planning           1.7 s  18 %',
    '  after 4.7 s  -  between tasks      0.5 s  5 %',
    '  after 5.2 s  a  r › gate it is up  4.0 s  43 %',
    '  after 9.2 s  a  r: 6 tasks         0.2 s  2 %',
    '               -  everything else    3.0 s  32 %',
  ])
})

void t.test(
  'a run says it on stderr, also one that fails; without the option it says nothing',
  async t => {
    const dir = t.testdir({
      'inventory.yaml': `timezone: UTC
domain: x.internal
networks: { lan: { cidr: 10.0.0.0/24, mode: bridge } }
hosts:
  web1: { os: debian 12, nics: [{ network: lan, address: 10.0.0.2 }], ssh: { host: 127.0.0.1, port: 1 } }
`,
      roles: {
        one: {
          'index.ts':
            "import { role, z } from 'fmc'\nexport default role({ name: 'one', summary: 'x', vars: z.object({}), async tasks() {} })\n",
        },
      },
    })
    const fmc = (...args: string[]) =>
      run([process.execPath, join(ROOT, 'lib/bin.js'), 'role', 'one', 'all', ...args], { cwd: dir })
    const json = await fmc('--dry-run', '--output', 'json', '--timing')
    t.equal(json.code, 4, json.stderr)
    for (const phase of ['start', 'load', 'plan', 'close', 'total', 'connect'])
      t.match(json.stderr, new RegExp(`^  ${phase} +\\d+\\.\\d{3} s`, 'm'))
    t.notMatch(json.stdout, 'Time of each phase')
    t.notMatch((await fmc('--dry-run')).stderr, 'Time of each phase')
  },
)

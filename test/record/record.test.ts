// Records of runs: what `fmc play` writes down of a run, that it survives a kill, and what later runs read of it.
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import type { Event } from '../../lib/engine/events.ts'
import {
  failedHosts,
  findRun,
  gitState,
  lastRun,
  openRecorder,
  recordedRuns,
  retention,
  runsDir,
  shownArgv,
  taskTimes,
  type RunStart,
} from '../../lib/record/index.ts'
import { checkedLine } from '../../lib/record/check.ts'
import { prune, recordFile, recordFiles } from '../../lib/record/store.ts'
import { inContract } from '../../lib/report/contract.ts'
import { ROOT, run } from '../rig/lab.ts'

const BIN = join(ROOT, 'lib/bin.js')
const root = process.getuid?.() === 0 ? {} : { skip: 'only root can mount' }

const START: RunStart = {
  command: 'play site',
  argv: ['play', 'site'],
  dryRun: false,
  readOnly: false,
  lab: false,
  inventory: '/srv/inventory.yaml',
}
const VERSION: Event = { type: 'version', fmc: '1', contract: 1 }
const task = (host: string, name: string, ms: number, more: object = {}): Event => ({
  ...{ type: 'task', host, play: 'p', role: 'r', task: name, status: 'changed' as const },
  ...{ predicted: true, changes: [], ms },
  ...more,
})
const apply = (...events: Event[]): Event[] => [
  { type: 'pass', pass: 'apply', state: 'start' },
  ...events,
  { type: 'pass', pass: 'apply', state: 'end' },
]

/** Records a run with these events; false: without its last line. */
function record(dir: string, events: readonly Event[], start: object = {}, ends = true): string {
  const warnings: string[] = []
  const recorder = openRecorder(dir, { ...START, ...start }, text => warnings.push(text))
  for (const event of [VERSION, ...events]) recorder.on(event)
  if (ends) recorder.end(0)
  if (warnings.length > 0) throw new Error(warnings.join('\n'))
  return recorder.file ?? ''
}

const linesOf = (file: string): Record<string, unknown>[] =>
  readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line) as Record<string, unknown>)

/** A project with one host that nothing answers for. */
const project = (t: Test) => {
  const dir = t.testdir({
    'inventory.yaml':
      'timezone: UTC\ndomain: record.internal\nnetworks: {}\nhosts:\n  a: { os: debian 12, ssh: { host: 127.0.0.1, port: 9 } }\n',
    playbooks: {
      'mine.ts': `import { play, playbook, role, z } from 'fmc'
const mine = role({ name: 'mine', summary: 's', vars: z.object({ n: z.number().default(1), app_password: z.string().default('') }), async tasks() {} })
export default playbook('mine', [play('Mine', { hosts: 'all', roles: [mine] })])
`,
    },
  })
  const state = join(dir, 'state')
  const fmc = (args: readonly string[], env: NodeJS.ProcessEnv = {}, around: string[] = []) =>
    run([...around, process.execPath, BIN, ...args], {
      cwd: dir,
      env: { FMC_CACHE: join(dir, 'cache'), FMC_STATE: state, ...env },
    })
  return { dir, state, runs: join(state, 'fmc/runs'), fmc }
}

void t.test('a run leaves its record, for the user only', async t => {
  const p = project(t)
  await run(['git', 'init', '-q'], { cwd: p.dir })
  await run(['git', 'add', 'inventory.yaml'], { cwd: p.dir })
  const author = ['-c', 'user.name=n', '-c', 'user.email=e@example.org']
  await run(['git', ...author, 'commit', '-qm', 'one'], { cwd: p.dir })
  const { stdout: revision } = await run(['git', 'rev-parse', 'HEAD'], { cwd: p.dir })
  const args = ['play', 'mine', '-e', 'n=2', '--extra-vars=app_password=hunter2', '--output=json']
  const { code, stdout, stderr } = await p.fmc(args)
  t.equal(code, 4, stderr)
  const [file = '', ...others] = recordFiles(p.runs)
  t.same(others, [])
  t.equal(statSync(p.runs).mode & 0o777, 0o700)
  t.equal(statSync(file).mode & 0o777, 0o600)
  const lines = linesOf(file)
  t.match(lines[0], { type: 'version', contract: 1 })
  t.match(lines[1], {
    type: 'run',
    command: 'play mine',
    argv: ['play', 'mine', '-e', 'n=2', '--extra-vars=app_password=‹secret›', '--output=json'],
    dryRun: false,
    lab: false,
    inventory: join(p.dir, 'inventory.yaml'),
    git: { revision: revision.trim(), dirty: true },
    begin: /^\d{4}-\d\d-\d\dT.*Z$/,
  })
  t.match(lines.at(-1), { type: 'end', exitCode: 4 })
  t.same(
    lines
      .slice(2, -1)
      .map(({ at, ...event }) => (t.type(at, 'number'), event))
      .filter(event => inContract(event as unknown as Event)),
    stdout
      .trimEnd()
      .split('\n')
      .slice(1)
      .map(line => JSON.parse(line) as unknown),
    'the events of the NDJSON report',
  )
  t.notMatch(readFileSync(file, 'utf8'), 'hunter2')
  const [last] = recordedRuns(p.runs)
  t.same(last && failedHosts(last), ['a'])
})

void t.test('a record that cannot be written costs a warning', async t => {
  const p = project(t)
  const plain = await p.fmc(['play', 'mine', '--dry-run'])
  writeFileSync(join(p.dir, 'file'), '')
  mkdirSync(join(p.dir, 'open'), { mode: 0o777 })
  chmodSync(join(p.dir, 'open'), 0o777)
  for (const [what, state, why] of [
    ['a file in its place', 'file', /EEXIST|ENOTDIR/],
    ['a directory that others may write', 'open', /can be written by every user/],
    ['/proc', '/proc/fmc', /ENOENT|EACCES/],
  ] as const) {
    const { code, stdout, stderr } = await p.fmc(['play', 'mine', '--dry-run'], {
      FMC_STATE: state,
    })
    t.equal(code, plain.code, what)
    t.match(stderr, new RegExp(`this run is not recorded: .*(${why.source})`), what)
    const times = /\d+(\.\d+)? m?s\b/g
    t.equal(stdout.replace(times, ''), plain.stdout.replace(times, ''), what)
  }
  t.notOk(existsSync(join(p.dir, 'open/fmc')))
})

void t.test('a full disk: a warning, and the rest of the run', root, async t => {
  const p = project(t)
  mkdirSync(p.state)
  const mount = `mount -t tmpfs -o size=4k,mode=0700 none ${p.state} && mkdir -p ${p.runs} && dd if=/dev/zero of=${p.state}/rest bs=1k count=4 2>/dev/null; exec "$@"`
  const { code, stderr } = await p.fmc(['play', 'mine'], {}, [
    ...['unshare', '-m', 'sh', '-c', mount, 'sh'],
  ])
  t.equal(code, 4, stderr)
  t.match(stderr, /this run is not recorded.*ENOSPC/)
})

void t.test('a killed run leaves all its lines but the last', t => {
  const dir = join(t.testdir(), 'runs')
  const file = record(dir, [task('a', 'x', 1), task('a', 'y', 1, { status: 'failed' })], {}, false)
  appendFileSync(file, '{"type":"task","host":"b","sta')
  const last = lastRun({ dir, inventory: START.inventory })
  t.equal(last?.file, file)
  t.equal(last?.end(), undefined)
  t.same(last && failedHosts(last), ['a'])
  t.end()
})

void t.test('what is read is what was written, whatever its length', t => {
  const dir = join(t.testdir(), 'runs')
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.string({ unit: 'grapheme' }), fc.nat(90_000))), notes => {
      const events = notes.map(([text, times]): Event => {
        const long = text.repeat(Math.ceil(times / Math.max(text.length, 1)))
        return { type: 'note', level: 'info', text: long.slice(0, 200_000) }
      })
      record(dir, events)
      const [first] = recordedRuns(dir)
      const found = [...(first?.events() ?? [])].map(({ at: _, ...event }) => event)
      t.same(
        found,
        events.map(e => JSON.parse(JSON.stringify(e)) as unknown),
      )
      t.equal(first?.end()?.exitCode, 0)
    }),
    { numRuns: 40 },
  )
  t.end()
})

void t.test('the last run: of the same inventory and command, and no dry run', t => {
  const dir = join(t.testdir(), 'runs')
  const inventory = START.inventory
  t.equal(lastRun({ dir, inventory }), undefined, 'none yet')
  const pause = (): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2)
  const files = [{}, { command: 'play other' }, { inventory: '/other.yaml' }, { dryRun: true }].map(
    start => (pause(), record(dir, [], start)),
  )
  t.equal(lastRun({ dir, inventory, command: 'play site' })?.file, files[0])
  t.equal(lastRun({ dir, inventory })?.file, files[1])
  t.equal(lastRun({ dir, inventory: '/none.yaml' }), undefined)
  t.end()
})

void t.test('failed hosts: by a task or as a whole, each once', t => {
  const dir = join(t.testdir(), 'runs')
  const failure = { message: 'm' }
  record(dir, [
    task('ok', 'x', 1),
    { type: 'host', host: 'new', state: 'new', by: 'ok' },
    { type: 'host', host: 'gone', state: 'unreachable', failure },
    task('broken', 'x', 1, { status: 'failed', failure }),
    { type: 'host', host: 'broken', state: 'failed', failure },
    task('lost', 'x', 1, { status: 'unreachable', failure }),
    { type: 'note', level: 'warning', text: 'failed', host: 'noted' },
  ])
  const last = lastRun({ dir, inventory: START.inventory })
  t.same(last && failedHosts(last), ['gone', 'broken', 'lost'])
  t.end()
})

void t.test('times: the median of changes in the apply pass, of this host first', t => {
  const dir = join(t.testdir(), 'runs')
  const inventory = START.inventory
  const plan: Event = { type: 'pass', pass: 'plan', state: 'start' }
  record(dir, [plan, task('a', 'x', 9999)])
  record(dir, apply(task('a', 'x', 10), task('b', 'x', 100), task('a', 'ok', 5, { status: 'ok' })))
  record(dir, apply(task('a', 'x', 30), task('c', 'x', 1000)))
  record(dir, apply(task('a', 'x', 20)))
  record(dir, apply(task('a', 'x', 7777)), { dryRun: true })
  record(dir, apply(task('a', 'x', 8888)), { inventory: '/other.yaml' })
  const times = taskTimes({ dir, inventory })
  t.equal(times.of('a', 'r', 'x'), 20)
  t.equal(times.of('b', 'r', 'x'), 100)
  t.equal(times.of('new', 'r', 'x'), 30, 'of all hosts: 10, 20, 30, 100, 1000')
  t.equal(times.of('a', 'r', 'ok'), undefined)
  t.equal(times.of('a', 'other', 'x'), undefined)
  t.equal(taskTimes({ dir: '/none', inventory }).of('a', 'r', 'x'), undefined)
  t.end()
})

void t.test('old records go: by number and by size, never the newest', t => {
  const names = (dir: string): number => readdirSync(dir).length
  const dir = join(t.testdir({ runs: { 'notes.txt': 'not a record' } }), 'runs')
  const at = (second: number): string =>
    recordFile(dir, new Date(Date.UTC(2026, 0, 1, 0, 0, second)), '00000000')
  for (let i = 0; i < 10; i++) writeFileSync(at(i), 'x'.repeat(100))
  prune(dir, { records: 8, bytes: 1e6 })
  t.equal(names(dir), 9)
  t.same([at(0), at(1), at(2)].map(existsSync), [false, false, true], 'the oldest go')
  prune(dir, { records: 8, bytes: 350 })
  t.equal(names(dir), 4)
  prune(dir, { records: 8, bytes: 10 })
  t.same([names(dir), existsSync(at(9))], [2, true])
  t.end()
})

void t.test('links and files that others may write are not read', t => {
  const dir = join(t.testdir(), 'runs')
  const inventory = START.inventory
  const file = record(dir, [])
  chmodSync(file, 0o666)
  t.equal(lastRun({ dir, inventory }), undefined)
  chmodSync(file, 0o600)
  const aside = join(dir, '../aside')
  mkdirSync(aside)
  symlinkSync(file, join(aside, '20260101T000000.000Z-00000000.jsonl'))
  t.equal(lastRun({ dir: aside, inventory }), undefined)
  t.ok(lastRun({ dir, inventory }))
  t.end()
})

void t.test('a repository that others may configure starts no program of theirs', async t => {
  const dir = t.testdir({ repo: { f: 'a', '.gitattributes': '* filter=x\n', sub: {} } })
  const repo = join(dir, 'repo')
  const git = (...args: string[]) =>
    run(['git', '-c', 'user.name=a', '-c', 'user.email=a@b', ...args], { cwd: repo })
  for (const args of [
    ['init', '-q'],
    ['add', 'f'],
    ['commit', '-qm', 'one'],
  ])
    await git(...args)
  t.match(await gitState(join(repo, 'sub')), { dirty: true })
  await git('config', 'filter.x.clean', `touch ${join(dir, 'ran')}; cat`)
  writeFileSync(join(repo, 'f'), 'b')
  chmodSync(join(repo, '.git/config'), 0o666)
  t.equal(await gitState(join(repo, 'sub')), undefined)
  t.notOk(existsSync(join(dir, 'ran')))
})

void t.test('a command line without secrets', t => {
  const hide = (text: string): string => text.replaceAll('s3cret', '‹secret›')
  for (const [argv, shown] of [
    [
      ['play', 'site', '-l', 'web:&dc1:@failed'],
      ['play', 'site', '-l', 'web:&dc1:@failed'],
    ],
    [
      ['-lexample', '-t', 'a'],
      ['-lexample', '-t', 'a'],
    ],
    [
      ['-e', 'n=1', '-en=2'],
      ['-e', 'n=1', '-en=2'],
    ],
    [
      ['-e', 'db_password=x=y', '-Keapi_token=z'],
      ['-e', 'db_password=‹secret›', '-Keapi_token=‹secret›'],
    ],
    [
      ['--extra-vars', 'pw=1', '--extra-vars=psk=1'],
      ['--extra-vars', 'pw=‹secret›', '--extra-vars=psk=‹secret›'],
    ],
    [
      ['-e', '{a: 1}', '-e', '@vars.yaml'],
      ['-e', '{…}', '-e', '@vars.yaml'],
    ],
    [
      ['-e', 'app={password: hunter2}', '-eusers=[{name: a, password: hunter2}]'],
      ['-e', 'app={…}', '-eusers={…}'],
    ],
    [
      ['-e', 'url=https://u:p@h/'],
      ['-e', 'url=https://***@h/'],
    ],
    [
      ['--artifacts', 'https://u:p@h/'],
      ['--artifacts', 'https://***@h/'],
    ],
    [
      ['-e', 'n=is s3cret'],
      ['-e', 'n=is ‹secret›'],
    ],
    [
      ['-e', 'hunter2'],
      ['-e', '‹secret›'],
    ],
    [
      ['--identity', 'AGE-SECRET-KEY-1X'],
      ['--identity', '‹not shown: not a path›'],
    ],
    [
      ['--identity=./id', '-i', 'x.yaml'],
      ['--identity=./id', '-i', 'x.yaml'],
    ],
  ] as const)
    t.same(shownArgv(argv, hide), shown)
  t.end()
})

void t.test('where records are', t => {
  t.equal(runsDir({ FMC_STATE: '/s' }), '/s/fmc/runs')
  t.equal(runsDir({ XDG_STATE_HOME: '/x', HOME: '/h' }), '/x/fmc/runs')
  t.equal(runsDir({ XDG_STATE_HOME: 'relative', HOME: '/h' }), '/h/.local/state/fmc/runs')
  t.end()
})

void t.test('a run by number, by the begin of its id, or by its file', t => {
  const dir = join(t.testdir(), 'runs')
  t.throws(() => findRun(dir, 'last'), {
    message: /there is no record of a run in /,
    hint: /^fmc play site --dry-run\n {2}fmc runs --lab/,
  })
  t.throws(() => findRun(dir, 'last', ' --lab'), {
    message: /there is no record/,
    hint: 'fmc play site --dry-run --lab',
  })
  const files = ['play a', 'play b', 'play c'].map(command => {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2)
    return record(dir, [], { command })
  })
  const [oldest = ''] = files
  const command = (word: string): string => findRun(dir, word).run.command
  const id = findRun(dir, '3').run.id
  for (const [word, expected] of [
    ['last', 'play c'],
    ['1', 'play c'],
    ['2', 'play b'],
    ['3', 'play a'],
    [id, 'play a'],
    [id.slice(0, 6), 'play a'],
    [oldest, 'play a'],
  ] as const)
    t.equal(command(word), expected, word)
  const head = readFileSync(oldest, 'utf8')
  for (const id of ['abcd0001', 'abcd0002', '77770001'])
    writeFileSync(
      recordFile(dir, new Date(0), id),
      head.replace(/"id":"\w+"/, `"id":"${id}"`).replace('play a', id),
    )
  t.equal(command('77770'), '77770001', 'an id of digits')
  for (const [word, message] of [
    ['abcd', /^2 recorded runs have an id that begins with abcd: abcd000[12], abcd000[12]$/],
    ['abce', /^no recorded run has an id that begins with abce$/],
    ['7', /^there is no run number 7: 6 runs are recorded in /],
    ['0', /^"0" names no run$/],
    ['-1', /names no run/],
    ['newest', /names no run/],
    ['./none.jsonl', /none\.jsonl is not the record of a run$/],
    [join(dir, 'none'), /is not the record of a run/],
  ] as const)
    t.throws(() => findRun(dir, word), { message, name: 'UsageError' }, word)
  t.throws(() => findRun(dir, '7', ' --lab'), { message: /number 7/, hint: 'fmc runs --lab' })
  t.end()
})

void t.test('a line that makes no sense is left out, and counted', t => {
  const dir = join(t.testdir(), 'runs')
  const file = record(dir, [task('a', 'x', 1)], {}, false)
  const bad = [
    'null',
    '[]',
    '{"type":"constructor"}',
    '{"type":"host","at":1,"host":"h","state":"__proto__"}',
    '{"type":"host","at":1,"host":"h","state":"failed"}',
    '{"type":"task","at":1,"host":"h"}',
    '{"type":"task","at":1e999,"host":"h","play":"p","role":"r","task":"t","status":"ok","predicted":true,"changes":[],"ms":1}',
    '{"type":"note","at":1,"level":"info","text":7}',
    '{"type":"end","exitCode":"0","end":"now"}',
    '['.repeat(50_000),
    '{"type":"note","at":1,"level":"inf\0',
  ]
  appendFileSync(file, `${bad.join('\n')}\n{"type":"note","at":1,"level":"info","text":"cu`)
  const { events, end, damaged } = findRun(dir, '1').read()
  t.same([events.length, end, damaged], [1, undefined, bad.length])
  fc.assert(
    fc.property(
      fc.jsonValue(),
      fc.constantFrom('task', 'recap', 'run', 'host', 'facts'),
      (v, type) => {
        const value = typeof v === 'object' && !Array.isArray(v) ? { ...v, type } : v
        t.equal(checkedLine(value) ?? value, value)
      },
    ),
  )
  t.end()
})

void t.test('how much is kept can be set', t => {
  t.same(retention({}), { records: 200, bytes: 256 * 1024 * 1024, days: undefined })
  t.same(retention({ FMC_RUNS_KEEP: '5', FMC_RUNS_MB: '1', FMC_RUNS_DAYS: '30' }), {
    ...{ records: 5, bytes: 1024 * 1024, days: 30 },
  })
  for (const name of ['FMC_RUNS_KEEP', 'FMC_RUNS_MB', 'FMC_RUNS_DAYS'])
    for (const value of ['0', '-1', '1.5', 'all', ' 5', '99999999999'])
      t.throws(() => retention({ [name]: value }), { message: new RegExp(`^${name}=`) }, value)
  const dir = join(t.testdir({ runs: {} }), 'runs')
  const [old = '', newest = ''] = ['00000001', '00000002'].map((id, n) => {
    const file = recordFile(dir, new Date(n), id)
    writeFileSync(file, 'x')
    return file
  })
  prune(dir, { records: 9, bytes: 1e6, days: 2 }, Date.now() + 1.5 * 86_400_000)
  t.same([existsSync(old), existsSync(newest)], [true, true])
  prune(dir, { records: 9, bytes: 1e6, days: 2 }, Date.now() + 2.5 * 86_400_000)
  t.same([existsSync(old), existsSync(newest)], [false, true], 'the newest stays')
  t.end()
})

// fmc drift: what a dry run's events say, how it is shown, what is new since before, and what the hosts' records say.
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { changesSince, type Before } from '../../lib/cli/drift/changes.ts'
import { foundIn, totals, type Found } from '../../lib/cli/drift/found.ts'
import { interval } from '../../lib/cli/drift/interval.ts'
import { checkLines } from '../../lib/cli/drift/json.ts'
import { matrix } from '../../lib/cli/drift/matrix.ts'
import { demandOutputs, metrics, statusText, writeOutputs } from '../../lib/cli/drift/outputs.ts'
import { dropRepeated } from '../../lib/cli/drift/record.ts'
import { baselineAfter, baselineOf, compare, mended } from '../../lib/cli/drift/since.ts'
import { PARTS, suspectsScript, type Question } from '../../lib/cli/drift/suspects-script.ts'
import { readSuspects } from '../../lib/cli/drift/suspects.ts'
import { reportLines } from '../../lib/cli/drift/text.ts'
import type { Event, TaskEvent } from '../../lib/engine/events.ts'
import type { EndLine, EventLine, RecordedRun, RunLine } from '../../lib/record/index.ts'
import { width } from '../../lib/report/width.ts'
import { mark } from '../../lib/ssh/word.ts'

const start = (plays: Readonly<Record<string, readonly [string[], string[]]>>): Event => ({
  ...{ type: 'start', command: 'drift site', dryRun: true, lab: false },
  plays: Object.entries(plays).map(([play, [hosts, roles]]) => ({ play, hosts, roles })),
  hosts: [...new Set(Object.values(plays).flatMap(([hosts]) => hosts))],
})
const task = (host: string, role: string, name: string, more: Partial<TaskEvent> = {}): Event => ({
  ...{ type: 'task', host, play: 'p', role, task: name, status: 'ok', predicted: false },
  ...{ changes: [], ms: 1, ...more },
})
const differs = (host: string, role: string, name: string, what = 'content'): Event =>
  task(host, role, name, { status: 'changed', predicted: true, changes: [{ what }] })
const recap = (more: object = {}): Event => ({
  ...{ type: 'recap', dryRun: true, seconds: 1, hosts: {}, exitCode: 0 },
  ...{ ok: 0, changed: 0, skipped: 0, failed: 0, unreachable: 0, unpredicted: 0, unneeded: 0 },
  ...more,
})
const states = (found: Found): Record<string, string> =>
  Object.fromEntries(
    found.hosts.map(h => [h.host, `${h.state}: ${h.cells.map(c => c.state).join(' ')}`]),
  )

const CASES: Readonly<Record<string, readonly [readonly Event[], string]>> = {
  'nothing differs, also where a role has no task': [[task('a', 'x', 't')], 'clean: clean clean'],
  'one task differs': [[differs('a', 'y', 't')], 'drifted: clean drifted'],
  'a host that cannot be reached': [
    [{ type: 'host', host: 'a', state: 'unreachable', failure: { message: 'no answer' } }],
    'unknown: unknown unknown',
  ],
  'a connection that is lost in the second role': [
    [
      task('a', 'x', 't'),
      task('a', 'y', 'u', { status: 'unreachable', failure: { message: 'lost' } }),
    ],
    'unknown: clean failed',
  ],
  'a task that fails leaves what comes after it unknown': [
    [task('a', 'x', 't', { status: 'failed', failure: { message: 'no' } })],
    'failed: failed unknown',
  ],
  'a host on which another run works': [
    [{ type: 'host', host: 'a', state: 'failed', failure: { message: 'another fmc run' } }],
    'unknown: unknown unknown',
  ],
  'a difference that fmc leaves alone': [
    [task('a', 'x', 't', { note: 'memory is 1 GB', drift: true })],
    'drifted: drifted clean',
  ],
  'what the role does on another host counts for its own': [
    [task('b', 'x', 't', { delegatedBy: 'a', status: 'changed', changes: [{ what: 'content' }] })],
    'drifted: drifted clean',
  ],
}

void t.test('what the events of a dry run say of a host', t => {
  for (const [name, [events, want]] of Object.entries(CASES)) {
    const locked = name.includes('another run') ? { locked: ['a'], exitCode: 2 } : {}
    const all = [start({ p: [['a'], ['x', 'y']] }), ...events, recap(locked)]
    t.equal(states(foundIn(all))['a'], want, name)
  }
  const broken = [start({ p: [['a'], ['x', 'y']] }), task('a', 'x', 't'), recap({ exitCode: 130 })]
  t.equal(states(foundIn(broken))['a'], 'unknown: clean unknown', 'an interrupted check')
  t.equal(states(foundIn(broken.slice(0, 2)))['a'], 'unknown: clean unknown', 'one that was killed')
  t.end()
})

const named = (n: number, text: string): string[] =>
  Array.from({ length: n }, (_, i) => `${text}${i}`)

void t.test('the matrix fits into the terminal, whatever there is to show', t => {
  const name = fc.string({ minLength: 1, maxLength: 40 })
  fc.assert(
    fc.property(
      fc.uniqueArray(name, { minLength: 1, maxLength: 60 }),
      fc.uniqueArray(name, { minLength: 1, maxLength: 50 }),
      fc.integer({ min: 40, max: 200 }),
      fc.nat(),
      (hosts, roles, columns, seed) => {
        const events = hosts.flatMap((h, i) =>
          (i * 7 + seed) % 3 === 0 ? [differs(h, roles[(i + seed) % roles.length] ?? '', 't')] : [],
        )
        const found = foundIn([start({ p: [hosts, roles] }), ...events, recap()])
        return matrix(found, columns).every(line => width(line) <= Math.max(columns, 60))
      },
    ),
    { numRuns: 60 },
  )
  t.pass('60 matrices')
  t.end()
})

void t.test('the matrix of 14 and of 200 hosts', t => {
  const small = foundIn([
    start({ all: [named(14, 'web'), ['base', 'motd']], db: [['web3'], ['postgresql']] }),
    differs('web3', 'postgresql', 'a'),
    differs('web3', 'postgresql', 'b'),
    { type: 'host', host: 'web5', state: 'unreachable', failure: { message: 'no answer' } },
    recap(),
  ])
  const lines = matrix(small)
  t.equal(lines[0], 'host    1   2   3')
  t.equal(lines[4], 'web3    ·   ·   2')
  t.equal(
    lines[6],
    'web5    ?   ?',
    'unknown is not clean; a role that is not for the host is blank',
  )
  t.match(lines.join('\n'), '1 base   2 motd   3 postgresql')
  const large = foundIn([
    start({ all: [named(200, 'host'), named(40, 'role-with-a-long-name-')] }),
    differs('host77', 'role-with-a-long-name-39', 'a'),
    recap(),
  ])
  const text = matrix(large).join('\n')
  t.match(text, /^host77 {2,}1$/m)
  t.match(text, '199 hosts more: as declared')
  t.match(text, '39 roles without a difference are not shown')
  t.end()
})

const INVENTORY = '/srv/inventory.yaml'
let records = 0
const record = (o: Partial<RunLine>, all: readonly Event[], whole = true): RecordedRun => {
  const events = all.flatMap((e): EventLine[] =>
    e.type === 'version' || e.type === 'working' ? [] : [{ ...e, at: 0 }],
  )
  const end: EndLine | undefined = whole
    ? { type: 'end', exitCode: 0, end: '2026-11-30T10:00:00Z' }
    : undefined
  return {
    ...{ file: `/nowhere/${++records}`, fmc: '0' },
    run: {
      ...{ type: 'run', id: String(records), command: 'drift site', argv: [], dryRun: true },
      ...{ readOnly: false, lab: false, inventory: INVENTORY, user: 'me', controller: 'c', pid: 1 },
      ...{ begin: '2026-11-30T10:00:00Z', ...o },
    },
    events: () => events,
    end: () => end,
    last: () => ({ recap: undefined, end }),
    read: () => ({ events, end, damaged: 0 }),
  }
}
const plays = start({ p: [['a', 'b'], ['x']] })
const both = new Set(['a\0x', 'b\0x'])

void t.test('new since the last check or run', t => {
  const now = foundIn([plays, differs('a', 'x', 'f'), differs('b', 'x', 'g'), recap()])
  const ages = (...runs: RecordedRun[]): string[] =>
    compare(now, baselineOf(runs, INVENTORY, both)).map(c => `${c.host} ${c.age}`)
  const check = (...events: Event[]): RecordedRun => record({}, [plays, ...events, recap()])
  t.same(ages(), ['a first', 'b first'], 'nothing is known')
  t.same(ages(check(differs('a', 'x', 'f'))), ['a known', 'b new'])
  t.same(ages(check(differs('a', 'x', 'f', 'mode 0600 → 0644'))), ['a other', 'b new'])
  const down = check({ type: 'host', host: 'b', state: 'unreachable', failure: { message: 'no' } })
  t.same(ages(down, check(differs('b', 'x', 'g'))), ['a new', 'b known'], 'b as it was before')
  t.same(ages(record({}, [plays, recap()], false)), ['a first', 'b first'], 'one that was killed')
  t.same(ages(record({ inventory: '/other' }, [plays, recap()])), ['a first', 'b first'])
  t.same(
    ages(record({ readOnly: true }, [plays, recap()])),
    ['a first', 'b first'],
    'a health check',
  )
  const counts = (failed: number): object => ({
    ...{ ok: 0, changed: 1, skipped: 0, failed, unreachable: 0, unpredicted: 0, unneeded: 0 },
  })
  const run = record({ command: 'play site', dryRun: false }, [
    plays,
    recap({ dryRun: false, exitCode: 2, hosts: { a: counts(0), b: counts(1) } }),
  ])
  t.same(ages(run), ['a new', 'b first'], 'a run has made a as declared, and failed on b')
  const left = foundIn([plays, task('a', 'x', 'vm', { note: 'drift', drift: true }), recap()])
  t.equal(compare(left, baselineOf([run], INVENTORY, both))[0]?.age, 'first', 'runs leave it alone')
  const before = baselineOf([check(differs('a', 'x', 'old'))], INVENTORY, both)
  t.same(mended(now, before), [{ host: 'a', role: 'x', task: 'old' }])
  const lost = foundIn([
    plays,
    { type: 'host', host: 'a', state: 'unreachable', failure: { message: '' } },
  ])
  t.same(mended(lost, before), [], 'an unknown host has mended nothing')
  t.end()
})

void t.test('of the same result in a row, the first and the last record are kept', t => {
  const dir = t.testdir({ '1': '', '2': '', '3': '' })
  const at = (n: number, ...events: Event[]): RecordedRun => ({
    ...record({}, [plays, ...events, recap()]),
    file: join(dir, String(n)),
  })
  const same = differs('a', 'x', 'f')
  dropRepeated([at(3, same), at(2, same), at(1)], 'drift site', INVENTORY)
  t.same(readdirSync(dir), ['1', '2', '3'], 'another result before')
  const run = record({ command: 'play site' }, [plays, recap()])
  dropRepeated([at(3, same), run, at(2, same), at(1, same)], 'drift site', INVENTORY)
  t.same(readdirSync(dir), ['1', '2', '3'], 'a run in between')
  dropRepeated([at(3, same), at(2, same), at(1, same)], 'drift site', INVENTORY)
  t.same(readdirSync(dir), ['1', '3'])
  t.end()
})

void t.test('a watch prints what has changed', t => {
  const unreachable = (host: string): Event => ({
    ...{ type: 'host', host, state: 'unreachable', failure: { message: `${host}: no answer` } },
  })
  const failed = task('b', 'x', 'u', { status: 'failed', failure: { message: 'broken' } })
  let before: Before = { found: foundIn([plays, recap()]), baseline: new Map() }
  before = { ...before, baseline: baselineAfter(before.found, before.baseline, 'then', 'drift') }
  const cycle = (...events: Event[]): string[] => {
    const found = foundIn([plays, ...events, recap()])
    const { changes } = changesSince(before, found)
    before = { found, baseline: baselineAfter(found, before.baseline, 'then', 'drift') }
    return changes.map(c => `${c.host} ${c.what}: ${c.text}`)
  }
  t.same(cycle(), [])
  t.same(cycle(differs('a', 'x', 'f')), ['a new: differs: x: f: content'])
  t.same(cycle(differs('a', 'x', 'f')), [], 'the same again')
  t.same(cycle(unreachable('a'), failed), [
    'a unknown: unknown: no answer',
    'b failed: failed: x: broken',
  ])
  t.same(cycle(unreachable('a')), ['b works: works again: x: u'])
  t.same(cycle(differs('a', 'x', 'f')), ['a known: known again'], 'as it was before the reboot')
  t.same(cycle(unreachable('a')), ['a unknown: unknown: no answer'])
  t.same(cycle(differs('a', 'x', 'g')), [
    'a known: known again',
    'a mended: as declared again: x: f',
    'a new: differs: x: g: content',
  ])
  const lost: Event = {
    type: 'host',
    host: 'b',
    state: 'failed',
    failure: { message: 'disk full' },
  }
  t.same(
    cycle(differs('a', 'x', 'g'), lost),
    ['b failed: failed: disk full'],
    'a host that fails before its first task',
  )
  t.same(cycle(differs('a', 'x', 'g'), lost), [], 'the same again')
  t.same(cycle(differs('a', 'x', 'g')), ['b works: works again'])
  t.end()
})

const WORD = 'w0rd'
const answer = (parts: Partial<Record<(typeof PARTS)[number], string>>): string =>
  PARTS.map(p => `${mark(p).printed(WORD)}${{ clock: '1000000\n500\n', ...parts }[p] ?? ''}`).join(
    '',
  )
const QUESTION: Question = { paths: ['/etc/motd', '/etc/gone'], units: ['web'], since: undefined }
const texts = (parts: Parameters<typeof answer>[0], q = QUESTION): string[] =>
  readSuspects('a', q, answer(parts), WORD, 1_000_000_000).happened.map(h => `${h.at} ${h.text}`)
const login = (at: number, port: number, from = '10.0.0.9'): string =>
  `${JSON.stringify({ __REALTIME_TIMESTAMP: `${at}000000`, MESSAGE: `Accepted publickey for root from ${from} port ${port} ssh2: ED25519 SHA256:abc+/1` })}\n`

void t.test('the records of a host, line by line', t => {
  const all = texts({
    own: 'SSH_CONNECTION=10.0.0.5 4444 10.0.0.1 22\n',
    sshd: login(1700000100, 1) + login(1700000200, 2) + login(1700000300, 4444, '10.0.0.5'),
    last: 'alice    pts/0        10.0.0.7     2023-11-14T22:13:20+00:00 - still\nreboot   system boot  6.1\n\nwtmp begins 2023\n',
    dpkg: '1700000500\n1700000600\n\nupgrade libc6:amd64 2.36-1 2.36-2\npurge nano:amd64 7 <none>\n',
    path: '0 is 1700000700 1700000800 root 644 regular file\n1 gone 1700000900 1700000900 root 755 directory\n',
    unit: '0 ActiveState=inactive StateChangeTimestampMonotonic=5000000 \nup 999.5\n',
  })
  t.same(all, [
    '500 the host was booted',
    '999006 web is inactive since then',
    '1700000000 alice logged in on pts/0 from 10.0.0.7',
    '1700000200 root logged in over SSH from 10.0.0.9 (ED25519 SHA256:abc+/1), 2 times; this was the last',
    '1700000500 package libc6:amd64 was upgraded from 2.36-1 to 2.36-2',
    '1700000600 package nano:amd64 was purged',
    '1700000700 /etc/motd was last written (regular file; now root, mode 0644)',
    '1700000800 /etc/motd: its owner, mode or name was last changed',
    '1700000900 /etc/gone is missing; something in its directory was last made, renamed or removed',
  ])
  const since = { ...QUESTION, since: 1700000550 }
  t.same(
    texts({ dpkg: '1700000500\n1700000600\n\nremove a 1 2\nremove b 1 2\n' }, since),
    ['1700000600 package b was removed'],
    'only since then',
  )
  t.end()
})

void t.test(
  'a hostile host: what has not its form counts for nothing, and nothing is obeyed',
  t => {
    const hostile = [
      'Accepted publickey for root\u001b[2J from 10.0.0.9 port 1 ssh2',
      'Accepted publickey for a b from c port 1 ssh2',
      `Accepted password for ${'x'.repeat(65)} from c port 1 ssh2`,
      'Failed password for root from 10.0.0.9 port 1 ssh2',
    ].map(MESSAGE => `${JSON.stringify({ MESSAGE, __REALTIME_TIMESTAMP: '1700000100000000' })}\n`)
    const bad = answer({
      sshd: `${hostile.join('')}not json\n[1]\n{"MESSAGE":["a"]}\n`,
      rpm: '99999999999999999999 evil 1\n1700000000 $(reboot) 1 2\n',
      path: '7 is 1 1 root 644 regular file\n0 is x 1 root 644 file\n0 is 1 1 ro\tot 644 file\n',
      dpkg: '1700000000\n\ninstall a 1 2\ninstall b 1 2\n',
    })
    const read = readSuspects('a', QUESTION, bad, WORD, 0)
    t.same(
      read.happened.map(h => h.text),
      ['the host was booted'],
    )
    t.equal(read.odd, 12)
    for (const part of PARTS)
      t.throws(
        () =>
          readSuspects('a', QUESTION, answer({}).replace(mark(part).printed(WORD), ''), WORD, 0),
        /is missing/,
        part,
      )
    t.throws(() => readSuspects('a', QUESTION, answer({}), 'other', 0), /missing/, 'a forged mark')
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), junk => {
        const parts = Object.fromEntries(PARTS.map(p => [p, p === 'clock' ? '1\n' : junk]))
        readSuspects('a', QUESTION, answer(parts), WORD, 0)
        return true
      }),
      { numRuns: 200 },
    )
    t.end()
  },
)

void t.test('the script, as a real shell runs it: it only reads', t => {
  const dir = t.testdir({ here: 'x', "a 'quoted' name": 'y' })
  const paths = [join(dir, 'here'), join(dir, "a 'quoted' name"), join(dir, 'gone'), '/no/such/dir']
  const question = { paths, units: ['no-such-unit'], since: 1 }
  const before = readdirSync(dir)
  const stdout = execFileSync('sh', ['-c', `_fmc_t=${WORD}\n${suspectsScript(question)}`], {
    ...{ encoding: 'utf8', env: { PATH: process.env['PATH'], LC_ALL: 'C' } },
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const found = readSuspects('a', question, stdout, WORD, Date.now())
  t.ok(Math.abs(found.ahead) <= 2)
  const text = found.happened.map(h => h.text).join('\n')
  t.match(text, `${paths[0]} was last written (regular file; now `)
  t.match(text, `${paths[1]} was last written (regular file; now `)
  t.match(text, `${paths[2]} is missing; something`)
  t.match(text, '/no/such/dir is missing, and so is its directory')
  t.same(readdirSync(dir), before)
  t.end()
})

const odd = 'we"b\\1\nx'
const found = foundIn([
  start({ p: [['a', odd, 'down'], ['x']] }),
  differs(odd, 'x', 'f'),
  { type: 'host', host: 'down', state: 'unreachable', failure: { message: 'no answer' } },
  recap({ exitCode: 4 }),
])
const result = { name: 'site', found, ms: 1234, exitCode: 4, at: '2026-11-30T10:00:00.000Z' }

void t.test('the status file and the metrics', t => {
  const status = JSON.parse(statusText(result)) as Record<string, unknown>
  t.match(status, {
    ...{ status: 'drifted', hosts: 3, hosts_clean: 1, hosts_drifted: 1, hosts_unknown: 1 },
    ...{ tasks_drifted: 1, unknown: 'down', seconds: 1.234 },
  })
  t.ok(
    Object.values(status).every(v => typeof v !== 'object'),
    'flat',
  )
  const lines = metrics(result).split('\n')
  t.ok(lines.includes('fmc_drift_tasks{playbook="site",host="we\\"b\\\\1\\nx",role="x"} 1'))
  t.ok(lines.includes('fmc_drift_tasks{playbook="site",host="a",role="x"} 0'))
  t.notOk(
    lines.some(l => l.startsWith('fmc_drift_tasks{') && l.includes('down')),
    'not as clean',
  )
  t.ok(lines.includes('fmc_drift_host_state{playbook="site",host="down",state="unknown"} 1'))
  t.ok(lines.includes('fmc_drift_check_timestamp_seconds{playbook="site"} 1796032800'))
  const names = new Set(lines.flatMap(l => /^(fmc_\w+)/.exec(l)?.[1] ?? []))
  for (const name of names)
    for (const kind of ['HELP', 'TYPE'])
      t.equal(lines.filter(l => l.startsWith(`# ${kind} ${name} `)).length, 1, `${kind} ${name}`)
  t.equal(lines.at(-1), '', 'it ends with a newline')
  t.end()
})

void t.test('files are replaced in one step and can be read by others', t => {
  const dir = t.testdir({ 'status.json': 'old' })
  const files = { statusFile: join(dir, 'status.json'), prometheus: join(dir, 'fmc.prom') }
  const mask = process.umask(0o077)
  try {
    writeOutputs(files, result)
  } finally {
    process.umask(mask)
  }
  t.same(readdirSync(dir), ['fmc.prom', 'status.json'])
  t.equal(statSync(files.prometheus).mode & 0o777, 0o644)
  t.equal(readFileSync(files.statusFile, 'utf8'), statusText(result))
  t.throws(() => demandOutputs({ prometheus: join(dir, 'fmc.txt') }), /ends with \.prom/)
  t.throws(() => demandOutputs({ statusFile: join(dir, 'no/x.json') }), /its directory is missing/)
  mkdirSync(join(dir, 'dir.json'))
  writeFileSync(join(dir, 'dir.json/full'), '')
  t.throws(() => writeOutputs({ statusFile: join(dir, 'dir.json') }, result), /cannot be written/)
  t.same(readdirSync(dir), ['dir.json', 'fmc.prom', 'status.json'], 'nothing is left behind')
  t.end()
})

void t.test('the report and its JSON', t => {
  const compared = compare(
    found,
    baselineAfter(
      foundIn([start({ p: [[odd], ['x']] }), recap()]),
      new Map(),
      result.at,
      'play site',
    ),
  )
  const text = reportLines({ ...result, compared, diff: false, columns: 80 }).join('\n')
  t.match(text, 'Drift of site: 1 task on 1 host differs, 1 host unknown (3 hosts, 1.2 s)')
  t.match(text, /New:\n {2}x: f: content \[since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d \(play site\)\]/)
  t.match(text, '  down: unknown: no answer')
  const lines = [...checkLines({ ...result, compared })] as Record<string, unknown>[]
  t.same(
    lines.map(l => l['type']),
    ['drift', 'drift', 'drift', 'drift-recap'],
  )
  t.match(lines[1], {
    host: odd,
    state: 'drifted',
    roles: [{ tasks: [{ task: 'f', age: 'new' }] }],
  })
  t.match(lines[3], { ...totals(found), exitCode: 4 })
  t.end()
})

void t.test('--watch', t => {
  t.equal(interval('--watch', '90s'), 90_000)
  t.equal(interval('--watch', '1d'), 86_400_000)
  for (const bad of ['', '5', '0s', '8d', '5 m', '1.5h', '-5m', '5M'])
    t.throws(() => interval('--watch', bad), /expected a time from 1s to 7d/, bad)
  t.end()
})

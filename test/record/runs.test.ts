// `fmc runs`: what it lists, shows, compares, replays and merges, from records as runs leave them.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { comparisonLines } from '../../lib/cli/runs/diff.ts'
import { listText } from '../../lib/cli/runs/list.ts'
import { mergeRuns } from '../../lib/cli/runs/merge.ts'
import { runLines, type Shown } from '../../lib/cli/runs/show.ts'
import type { Event } from '../../lib/engine/events.ts'
import type { RecordLine } from '../../lib/record/format.ts'
import {
  compare,
  findRun,
  isSame,
  mergedRecord,
  recordOf,
  replay,
  summaryOf,
  type RecordedRun,
} from '../../lib/record/index.ts'
import { inContract } from '../../lib/report/contract.ts'
import { sampleLines, type Ending } from './sample.ts'

/** A record of these lines, in a file of its own. */
function recorded(t: Test, lines: readonly object[], name = 'a'): RecordedRun {
  const dir = join(t.testdirName, name)
  mkdirSync(dir, { recursive: true })
  const file = join(dir, 'r.jsonl')
  writeFileSync(file, lines.map(line => `${JSON.stringify(line)}\n`).join(''))
  return recordOf(file)
}

const sample = (t: Test, count: number, ending: Ending): RecordedRun =>
  recorded(t, sampleLines(count, ending), `${ending}${count}`)

const changed = (lines: readonly RecordLine[], edit: (line: RecordLine) => object): object[] =>
  lines.map(line => edit(line))

const HOSTILE = '\u001b[31mred\u202e</script>'

void t.test('the list', t => {
  t.testdir()
  const all = [sample(t, 12, 'failed'), sample(t, 12, 'dry'), sample(t, 12, 'killed')]
  const text = listText(
    all.map((one, n) => summaryOf(one, n + 1)),
    7,
    '/runs',
  )
  const [, failed, dry, killed, more] = text.split('\n')
  t.match(
    failed,
    /^1 {2}5a3b0012 .*play site {2}root@admin1 \(anna\) {2}exit 2: 38 changed, 2 failed on 12 hosts +2 min 1 s$/,
  )
  t.match(dry, /dry run, exit 0: 40 would change on 12 hosts/)
  t.match(killed, / no end$/)
  t.equal(more, '… and 7 older runs: fmc runs --limit 10')
  t.equal(listText([], 0, '/runs', true), 'no run is recorded in /runs')
  t.match(
    listText([], 0, '/runs'),
    /in \/runs\n {2}fmc runs --lab {3}#/,
    'runs of the lab are elsewhere',
  )
  const here = changed(sampleLines(1, 'killed'), line =>
    line.type === 'run' ? { ...line, pid: process.pid, controller: '' } : line,
  )
  t.equal(summaryOf(recorded(t, here), 1).state, 'killed', 'of another machine')
  t.end()
})

void t.test('a run: head, failures, changes, recap; by host; only changes; without an end', t => {
  t.testdir()
  const shown = (ending: Ending, o: Shown): string => {
    const one = sample(t, 12, ending)
    return runLines(one, one.read(), o).join('\n')
  }
  const all = shown('failed', {})
  for (const part of [
    /^play site {2}5a3b0012\n/,
    /took 2 min 1 s/,
    /by +root@admin1 \(anna\), from 10\.0\.10\.7/,
    /git +3f2c1d0\w+, with changes that are not committed/,
    /✗ worker2: exit 1\n {2}in: k3s-agent › handler restart k3s-agent/,
    /worker9 : ok=5 .*failed=1 .*undone=1/,
    /To continue: fmc play site --diff --limit @failed$/,
  ])
    t.match(all, part)
  t.notMatch(all, '@@')
  t.match(shown('failed', { diff: true }), /@@ -12,7 \+12,9 @@/)
  const one = shown('failed', { host: ['worker9'] })
  t.match(one, /✗ worker9/)
  t.match(one, 'worker9 | base › service chrony | ok')
  t.notMatch(one, 'worker2')
  const only = shown('failed', { changed: true })
  t.match(only, /~ k3s-agent › artifact/)
  t.notMatch(only, /✗|exit 1\n/)
  t.match(shown('killed', {}), /this record has no end: the run was killed, still works, or could/)
  t.match(shown('fine', { facts: true, host: ['master1'] }), /deb chrony +4\.3-2\+deb12u1/)
  t.throws(() => shown('fine', { host: ['worker22'] }), { message: /no such host/ })
  t.end()
})

void t.test('what a hostile record says is shown visibly', t => {
  t.testdir()
  const spoil = (value: unknown, key = ''): unknown => {
    if (typeof value === 'string')
      return /^(task|host|name|message|output|hint|what|note|command|id|user|text|diff|play)$/.test(
        key,
      )
        ? `${value}${HOSTILE}`
        : value
    if (Array.isArray(value)) return value.map(v => spoil(v, key))
    if (typeof value === 'object' && value !== null)
      return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, spoil(v, k)]))
    return value
  }
  const bad = recorded(
    t,
    sampleLines(12, 'failed').map(line => spoil(line) as object),
  )
  const other = sample(t, 12, 'fine')
  for (const lines of [
    runLines(bad, bad.read(), { diff: true, facts: true }),
    comparisonLines(bad, other, compare(bad.read(), other.read())),
    [listText([summaryOf(bad, 1)], 0, '')],
  ]) {
    t.match(lines.join('\n'), '^[[31mred\\u{202e}')
    t.notMatch(lines.join('\n'), /[\u001b\u202e]/)
  }
  t.end()
})

void t.test('two runs: hosts, tasks whose outcome or diff differs, exit codes; never times', t => {
  t.testdir()
  const [failed, fine] = [sample(t, 12, 'failed'), sample(t, 12, 'fine')]
  const slower = changed(sampleLines(12, 'fine'), line =>
    line.type === 'task' ? { ...line, ms: line.ms * 2, at: line.at + 5 } : line,
  )
  t.ok(isSame(compare(fine.read(), recorded(t, slower).read())))
  const found = compare(failed.read(), fine.read())
  t.same(found.exitCodes, [2, 0])
  t.same(
    found.tasks.map(({ host, task, a, b }) => [host, task, a?.status, b?.status]),
    [
      ['worker2', 'handler restart k3s-agent', 'failed', 'ok'],
      ['worker9', 'handler restart k3s-agent', 'failed', 'changed'],
      ['worker9', 'gate "the node is ready"', undefined, 'changed'],
    ],
  )
  t.same(found.lost, [], "a task's failure is not told twice")
  const edited = changed(sampleLines(12, 'fine'), line =>
    line.type === 'task' && line.host === 'master1' && line.task === 'file /etc/nftables.conf'
      ? { ...line, changes: [{ what: 'content', diff: '@@ -1 +1 @@\n-x\n+y\n' }] }
      : line,
  )
  const [diff, ...others] = compare(fine.read(), recorded(t, edited).read()).tasks
  t.same([diff?.host, others], ['master1', []], 'a diff alone')
  const bare = changed(sampleLines(12, 'fine'), line =>
    line.type === 'task' ? { ...line, changes: line.changes.map(({ what }) => ({ what })) } : line,
  )
  t.ok(isSame(compare(fine.read(), recorded(t, bare).read())), 'a run without --diff')
  const gone = sampleLines(12, 'fine').map(
    line => JSON.parse(JSON.stringify(line).replaceAll('worker9', 'worker90')) as object,
  )
  const moved = compare(fine.read(), recorded(t, gone).read())
  t.same([moved.onlyInA, moved.onlyInB, moved.tasks], [['worker9'], ['worker90'], []])
  t.notOk(isSame(moved))
  const lost = [
    ...sampleLines(12, 'fine'),
    {
      type: 'host',
      at: 9,
      host: 'master2',
      state: 'unreachable',
      failure: { message: 'no route' },
    },
  ]
  t.same(compare(fine.read(), recorded(t, lost).read()).lost, [
    { host: 'master2', b: 'unreachable: no route' },
  ])
  t.match(
    comparisonLines(failed, fine, found).join('\n'),
    /exit code: 2 → 0[^]*3 tasks differ, 125 came to the same\./,
  )
  const other = changed(sampleLines(12, 'fine'), line =>
    line.type === 'task' ? { ...line, play: 'Other', status: 'ok', changes: [] } : line,
  )
  const still = changed(sampleLines(12, 'fine'), line =>
    line.type === 'task' ? { ...line, status: 'ok', changes: [] } : line,
  )
  const one = recorded(t, still)
  const before = one.read()
  const two = recorded(t, other)
  const strange = compare(before, two.read())
  t.notOk(isSame(strange), 'another playbook on the same hosts')
  const words = comparisonLines(one, two, strange).join('\n')
  t.match(words, /have no task in common\.\n0 tasks differ, 0 came to the same\.\nNot compared, /)
  t.notMatch(words, 'They are the same')
  t.end()
})

void t.test('a replay gives a report the same events; with --speed at their times', async t => {
  t.testdir()
  for (const ending of ['failed', 'dry', 'killed'] as const) {
    const one = sample(t, 12, ending)
    const contract = (events: readonly Event[]): Event[] => events.filter(inContract)
    const expected = one.read().events.map(({ at: _, ...event }) => event as Event)
    const at: Event[] = []
    await replay(one, {
      speed: undefined,
      on: e => at.push(e),
      wait: () => Promise.reject(new Error('waits')),
    })
    const note = ending === 'killed' ? at.splice(-1) : []
    t.same(at.slice(1), expected, ending)
    t.equal(note.length, ending === 'killed' ? 1 : 0)
    let waited = 0
    const timed: Event[] = []
    await replay(one, {
      speed: 10,
      on: event => timed.push(event),
      wait: ms => {
        waited += ms
        return Promise.resolve()
      },
    })
    const last = Math.max(...one.read().events.map(event => event.at))
    t.ok(Math.abs(waited - last / 10) < 1, `${ending}: a tenth of the time`)
    if (ending === 'failed') {
      t.same(contract(timed).slice(1), contract(expected))
      const begin = timed.findIndex(
        e => e.type === 'working' && e.host === 'worker9' && e.task.startsWith('gate'),
      )
      t.equal(begin, -1, 'what did not happen')
      const [w, e] = ['working', 'task'].map(type =>
        timed.findIndex(
          v =>
            (v.type === 'working' || v.type === 'task') &&
            v.type === type &&
            v.host === 'worker8' &&
            v.task.startsWith('gate'),
        ),
      )
      t.ok((w ?? -1) >= 0 && (w ?? 0) < (e ?? 0), 'a task begins before it ends')
    }
  }
})

/** The record of one of two runs, each with every second host. */
const shard = (
  t: Test,
  index: number,
  ending: Ending = 'failed',
  more: object = {},
): RecordedRun => {
  const mine = (host: string): boolean => Number(host.replace(/\D/g, '')) % 2 === index % 2
  const lines = sampleLines(12, ending).flatMap((line): object[] => {
    if (line.type === 'run')
      return [
        {
          ...line,
          id: `0000000${index}`,
          begin: new Date(Date.parse(line.begin) + index * 1000).toISOString(),
          shard: { index, of: 2, key: 'k' },
          ...more,
        },
      ]
    if ('host' in line) return mine(line.host ?? '') ? [line] : []
    if (line.type === 'start' || line.type === 'play')
      return [
        {
          ...line,
          hosts: line.hosts.filter(mine),
          ...(line.type === 'start'
            ? { plays: line.plays.map(p => ({ ...p, hosts: p.hosts.filter(mine) })) }
            : {}),
        },
      ]
    if (line.type !== 'recap') return [line]
    const hosts = Object.entries(line.hosts).filter(([host]) => mine(host))
    const sum = (key: 'ok' | 'changed' | 'failed'): number =>
      hosts.reduce((n, [, counts]) => n + counts[key], 0)
    return [
      {
        ...line,
        ...{ ok: sum('ok'), changed: sum('changed'), failed: sum('failed') },
        exitCode: sum('failed') > 0 ? 2 : 0,
        hosts: Object.fromEntries(hosts),
      },
    ]
  })
  return recorded(t, lines, `shard${index}${ending}${JSON.stringify(more).replace(/\W/g, '')}`)
}

void t.test('shards of a run become one record', async t => {
  t.testdir()
  const parts = [shard(t, 1), shard(t, 2)] as const
  const file = join(t.testdirName, 'all.jsonl')
  await mergeRuns(
    parts.map(p => p.file),
    { name: 'default', out: file },
  )
  const merged = recordOf(file)
  const whole = sample(t, 12, 'failed')
  t.same(compare(merged.read(), whole.read()).tasks, [])
  t.equal(merged.read().damaged, 0)
  t.equal(merged.run.shard, undefined)
  t.same(merged.run.merged, ['00000001', '00000002'])
  const [a, b] = [summaryOf(merged, 1), summaryOf(whole, 1)]
  t.same([a.counts, a.hosts, a.exitCode], [b.counts, b.hosts, b.exitCode])
  const { events } = merged.read()
  t.same(
    events.map(e => e.at),
    events.map(e => e.at).toSorted((x, y) => x - y),
    'by time',
  )
  const passes = events.flatMap(e => (e.type === 'pass' ? [`${e.pass} ${e.state}`] : []))
  t.same(passes, [
    'plan start',
    'plan end',
    'apply start',
    'apply end',
    'verify start',
    'verify end',
  ])
  const starts = events.filter(e => e.type === 'start')
  t.same([starts.length, starts[0]?.hosts.length], [1, 12])
  t.ok(runLines(merged, merged.read(), {}).length > 20)
  await t.rejects(
    async () =>
      mergeRuns(
        parts.map(p => p.file),
        { name: 'default', out: file },
      ),
    { message: /all\.jsonl exists$/ },
  )
  t.equal(readFileSync(file, 'utf8').split('\n').length, events.length + 4, 'it is as it was')
  const killed = mergedRecord([shard(t, 1), shard(t, 2, 'killed')])
  t.notMatch(killed, /"type":"(end|recap)"/, 'no end, if a part has none')
  for (const [what, some, message] of [
    ['one part', [parts[0]], /needs at least two records/],
    ['the same twice', [parts[0], parts[0]], /worker1 is in .* and in |master1 is in/],
    ['a dry run', [parts[0], shard(t, 2, 'dry')], /not parts of one run: dryRun is true and false/],
    [
      'another command',
      [parts[0], shard(t, 2, 'failed', { command: 'play x' })],
      /command is play x and play site/,
    ],
    [
      'other options',
      [parts[0], shard(t, 2, 'failed', { shard: { index: 2, of: 2, key: 'z' } })],
      /command lines differ in more than --shard/,
    ],
    [
      'a shard is missing',
      [
        shard(t, 1, 'failed', { shard: { index: 1, of: 3, key: 'k' } }),
        shard(t, 2, 'failed', { shard: { index: 2, of: 3, key: 'k' } }),
      ],
      /the record of shard 3\/3 is missing/,
    ],
    [
      'a part of three and a part of two',
      [shard(t, 1), shard(t, 2, 'failed', { shard: { index: 2, of: 3, key: 'k' } })],
      /is shard 2\/3 and .* is shard 1\/2: they are not parts of one run/,
    ],
    [
      'a part twice, with other hosts',
      [shard(t, 1), shard(t, 2, 'failed', { shard: { index: 1, of: 2, key: 'k' } })],
      /is another record of shard 1\/2: name one of each/,
    ],
  ] as const)
    t.throws(() => mergedRecord(some), { message, name: 'UsageError' }, what)
})

void t.test('a record is found by its path, also the one that was just merged', t => {
  t.testdir()
  const one = sample(t, 1, 'fine')
  t.equal(findRun('/none', one.file).run.id, '5a3b0001')
  t.end()
})

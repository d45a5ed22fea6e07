// The HTML report of a recorded run: what it says, that nothing of a record becomes markup, and the critical path.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { writeReport } from '../../lib/cli/runs/html.ts'
import type { RunContent } from '../../lib/record/index.ts'
import { recordOf } from '../../lib/record/index.ts'
import { mark } from '../../lib/record/duration.ts'
import { reportPage } from '../../lib/record/html/page.ts'
import type { EventLine } from '../../lib/record/format.ts'
import { timingLines } from '../../lib/cli/runs/timing.ts'
import { criticalPath, timelineOf } from '../../lib/record/timeline.ts'
import { sampleLines, type Ending } from './sample.ts'

const fileOf = (t: Test, lines: readonly object[], name = 'r'): string => {
  const file = join(t.testdirName, `${name}.jsonl`)
  writeFileSync(file, lines.map(line => `${JSON.stringify(line)}\n`).join(''))
  return file
}
const pageOf = (t: Test, lines: readonly object[]): string => {
  const recorded = recordOf(fileOf(t, lines))
  return reportPage(recorded, recorded.read())
}
const sample = (t: Test, count: number, ending: Ending): string =>
  pageOf(t, sampleLines(count, ending))

/** The text of a page, without its style and script. */
const textOf = (page: string): string =>
  page
    .replace(/<(style|script)>[^]*?<\/\1>/g, '')
    .replace(/<title>[^<]*<\/title>/g, '')
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ')

void t.test('what a report says', t => {
  t.testdir()
  const page = sample(t, 12, 'failed')
  const text = textOf(page)
  for (const part of [
    'fmc play site exit 2',
    'root@admin1 (anna), from 10.0.10.7',
    '3f2c1d0e9b8a, with changes that are not committed',
    'To continue: fmc play site --diff --limit @failed',
    '12 hosts 38 changes 9 hosts changed 2 tasks failed 0 hosts unreachable',
    '2 hosts: worker2, worker9 failed: handler restart k3s-agent: exit 1',
    'The run waited most for worker9 : 1 min 58 s of 2 min 1 s (97 %)',
    'diff, +3 −1',
    'comment &quot;admins &lt;only&gt; &amp; nobody else&quot;',
  ])
    t.match(text, part)
  t.equal(mark(150), '150 ms')
  t.equal(mark(1125), '1.1 s')
  t.ok(text.indexOf('Failures') < text.indexOf('Timeline'), 'failures first')
  t.ok(text.indexOf('Timeline') < text.indexOf('Changes'))
  t.match(
    textOf(sample(t, 1, 'fine')),
    /fmc play site ok .* 1 host 7 changes 1 host changed 0 tasks failed/,
  )
  t.match(
    textOf(sample(t, 12, 'dry')),
    /dry run .*40 changes would be made 9 hosts would change.*What would change/,
  )
  const killed = textOf(sample(t, 12, 'killed'))
  t.match(killed, /no end this record has no end: the run was killed, still works, or could/)
  t.match(killed, /12 hosts \d+ changes/)
  t.notMatch(killed, /12 hosts 0 changes/)
  t.end()
})

void t.test('nothing of a record becomes markup, and the page loads nothing', t => {
  t.testdir()
  const evil = `</script></style></title><img src=x onerror=alert(1)>"'&\u001b[31m\u202e`
  const spoil = (value: unknown, key = ''): unknown => {
    if (typeof value === 'string')
      return /^(type|state|status|pass|level|begin|end|revision)$/.test(key) ? value : value + evil
    if (Array.isArray(value)) return value.map(v => spoil(v, key))
    if (typeof value === 'object' && value !== null)
      return Object.fromEntries(
        Object.entries(value).map(([k, v]) => [key === 'hosts' ? k + evil : k, spoil(v, k)]),
      )
    return value
  }
  const lines = sampleLines(12, 'failed').map(line => spoil(line) as object)
  lines.splice(
    5,
    0,
    ...(spoil([
      { type: 'note', at: 1, level: 'warning', text: 'n', host: 'h' },
      {
        type: 'page',
        at: 2,
        title: 't',
        findings: [{ level: 'fine', text: 'f', details: ['d'], hint: 'h' }],
      },
    ]) as object[]),
  )
  const page = pageOf(t, lines)
  t.match(page, '&lt;/script&gt;&lt;/style&gt;')
  t.notMatch(page, /<img|[\u001b\u202e]/)
  const tags = new Set([...page.matchAll(/<\/?([a-z0-9]+)/gi)].map(([, tag]) => tag))
  for (const tag of tags)
    t.match(
      tag,
      /^(html|head|meta|title|style|body|h1|h2|span|dl|dt|dd|p|b|code|pre|div|input|section|ul|li|details|summary|svg|rect|table|thead|tbody|tr|th|td|script)$/,
    )
  t.equal([...page.matchAll(/<script/g)].length, 1)
  const attributes = [...page.matchAll(/<[a-z][^>]*>/g)].map(([tag]) => tag.replace(/"[^"]*"/g, ''))
  t.notMatch(attributes.join(''), /\s(style|on\w+|src|href)=/)
  const csp = /content="(default-src[^"]*)"/.exec(page)?.[1] ?? ''
  for (const tag of ['style', 'script']) {
    const inside = new RegExp(`<${tag}>([^]*?)</${tag}>`).exec(page)?.[1] ?? ''
    const hash = createHash('sha256').update(inside).digest('base64')
    t.match(csp, `${tag}-src 'sha256-${hash}'`)
  }
  t.match(csp, /^default-src 'none'/)
  t.end()
})

void t.test('of 200 hosts the page is small, and most is folded', t => {
  t.testdir()
  const page = sample(t, 200, 'failed')
  t.ok(page.length < 500_000, String(page.length))
  const text = textOf(page)
  t.match(text, '170 more hosts, which ended earlier')
  t.match(text, /worker17 unreachable: cannot reach worker17/)
  const hosts = text.slice(text.lastIndexOf(' Hosts '))
  t.match(hosts, /\d+ hosts changed/)
  const same = sampleLines(60, 'failed').map(line => {
    if (line.type !== 'task') return line
    const diff = `@@ -1 +1 @@\n${`+${line.host}`.repeat(9000)}\n`
    return { ...line, status: 'changed', changes: [{ what: 'content', diff }] }
  })
  const large = pageOf(t, same)
  t.ok(large.length < 6e6, String(large.length))
  t.match(textOf(large), 'The diff is left out here: fmc runs show 5a3b0060 --host')
  t.end()
})

const task = (host: string, name: string, from: number, to: number, play = 'p'): EventLine => ({
  ...{ type: 'task', at: to, ms: to - from, host, play, role: 'r', task: name },
  ...{ status: 'changed', predicted: true, changes: [] },
})
const pass = (name: 'plan' | 'apply', at: number): EventLine => ({
  ...{ type: 'pass', at, pass: name, state: 'start' },
})
const pathOf = (events: readonly EventLine[]): string[] =>
  criticalPath(timelineOf({ events, end: undefined, damaged: 0 } satisfies RunContent, '')).map(
    ({ host, task: name }) => `${host} ${name}`,
  )

void t.test('the critical path', t => {
  for (const [what, events, expected] of [
    ['nothing', [], []],
    ['one host: all its tasks', [task('a', '1', 0, 10), task('a', '2', 10, 30)], ['a 1', 'a 2']],
    [
      'of two hosts the one that ended last, although another ended later before its task began',
      [
        task('a', '1', 0, 10),
        task('b', '1', 0, 20),
        task('a', '2', 25, 90),
        task('b', '2', 20, 40),
      ],
      ['a 1', 'a 2'],
    ],
    [
      'the next play waited for the slowest host of the one before',
      [
        ...[task('a', '1', 0, 10), task('b', '1', 0, 50)],
        ...[task('a', '2', 52, 90, 'q'), task('b', '2', 52, 60, 'q')],
      ],
      ['b 1', 'a 2'],
    ],
    [
      'logins, and passes: an apply waited for the last plan',
      [
        pass('plan', 0),
        { type: 'host', at: 1, host: 'a', state: 'connecting' },
        { type: 'host', at: 1, host: 'b', state: 'connecting' },
        { type: 'host', at: 9, host: 'a', state: 'connected' },
        { type: 'host', at: 30, host: 'b', state: 'connected' },
        pass('apply', 40),
        task('a', '1', 41, 60),
      ],
      ['b login', 'a 1'],
    ],
    [
      'a task that another host did for it',
      [
        task('a', '1', 0, 10),
        { ...task('c', '2', 10, 40), delegatedBy: 'a' } as EventLine,
        task('a', '3', 40, 50),
      ],
      ['a 1', 'c 2', 'a 3'],
    ],
    ['equal times end', [task('a', '1', 5, 5.1), task('b', '1', 5, 5.1)], ['b 1']],
  ] as const)
    t.same(pathOf(events), expected, what)
  t.end()
})

void t.test('where the time went, in words', t => {
  const begin = '2026-05-01T08:00:00.000Z'
  const events: readonly EventLine[] = [
    pass('plan', 0),
    { type: 'pass', at: 4000, pass: 'plan', state: 'end' },
    pass('apply', 4000),
    task('a', '1', 4000, 6000),
    task('b', '1', 4000, 20_000),
    task('b', '2', 20_010, 31_000),
    { ...task('a', 'x\u001b[31m', 32_000, 40_000, 'q') },
    { type: 'pass', at: 40_000, pass: 'apply', state: 'end' },
  ]
  const end = { type: 'end', exitCode: 0, end: '2026-05-01T08:00:41.000Z' } as const
  t.strictSame(timingLines({ events, end }, begin), [
    'Where the time went: plan 4.0 s, apply 36 s, the rest 1.0 s.',
    'The run waited most for b: 27 s (66 %). The longest task: r › 1 on b, 16 s.',
    'The critical path (a shorter task on it makes the run shorter):',
    '  after 0 ms   -  planning         4.0 s  10 %',
    '  after 4.0 s  b  r › 1            16 s   39 %',
    '  after 20 s   b  r › 2            11 s   27 %',
    '  after 31 s   -  between tasks    1.0 s  2 %',
    '  after 32 s   a  r › x^[[31m      8.0 s  20 %',
    '               -  everything else  1.0 s  2 %',
  ])
  t.strictSame(timingLines({ events: [], end }, begin), ['Where the time went: the rest 41 s.'])
  t.end()
})

void t.test('the file: only over a report, only .html, never through a link', async t => {
  const dir = t.testdir({ 'mine.html': '<p>mine', 'link.html': t.fixture('symlink', 'mine.html') })
  const record = fileOf(t, sampleLines(1, 'fine'))
  const write = (name: string, force = false): Promise<number> =>
    writeReport(record, { name: 'default', out: join(dir, name), force })
  t.equal(await write('r.html'), 0)
  t.equal(await write('r.html'), 0, 'again')
  await t.rejects(write('mine.html'), {
    message: /mine\.html exists, and fmc has not written it$/,
    hint: 'name another file, or use --force',
  })
  for (const force of [false, true])
    await t.rejects(write('link.html', force), { message: /link\.html is a link/ })
  t.equal(readFileSync(join(dir, 'mine.html'), 'utf8'), '<p>mine')
  await t.rejects(write('r.pdf'), { message: /expected a name that ends in \.html$/ })
  await t.rejects(write('none/r.html'), { message: /cannot write .*: there is no directory / })
  t.equal(await write('mine.html', true), 0)
  t.strictSame(
    readdirSync(dir).sort(),
    ['link.html', 'mine.html', 'r.html', 'r.jsonl'],
    'nothing is left',
  )
})

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find(existsSync)

void t.test(
  'in a browser: style and script run under its own policy; two widths',
  CHROMIUM === undefined ? { skip: 'chromium is not installed' } : {},
  t => {
    t.testdir()
    const page = join(t.testdirName, 'r.html')
    writeFileSync(page, sample(t, 12, 'failed'))
    const chromium = (...args: string[]) =>
      spawnSync(
        CHROMIUM ?? '',
        [
          ...['--headless', '--no-sandbox', '--disable-gpu', '--enable-logging=stderr'],
          `--user-data-dir=${join(t.testdirName, 'profile')}`,
          ...args,
          `file://${page}`,
        ],
        { encoding: 'utf8', timeout: 60_000, maxBuffer: 64 * 1024 * 1024 },
      )
    const { stdout, stderr } = chromium('--dump-dom')
    t.notMatch(stderr, /Content Security Policy|CONSOLE/)
    t.match(stdout, '<div id="search">', 'the script has shown the search')
    for (const width of [500, 1280]) {
      const png = join(t.testdirName, `${width}.png`)
      chromium(`--window-size=${width},900`, `--screenshot=${png}`)
      const bytes = readFileSync(png)
      t.equal(bytes.readUInt32BE(16), width)
      t.ok(bytes.length > 20_000, `${bytes.length} bytes: not a blank page`)
    }
    t.end()
  },
)

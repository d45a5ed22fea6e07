// What CI systems read: JUnit XML, GitHub's workflow commands and SARIF, from the events of runs and checks.
import t from 'tap'
import { z } from 'zod'
import type { Event } from '../../lib/engine/events.ts'
import { print } from './sink.ts'
import { events, twelve } from './streams.ts'
import { elements, parseXml, type Element } from './xml.ts'

const run = (dryRun: boolean): Event[] => events(twelve(dryRun, true)).map(([, event]) => event)

/** What a hostile host may print: commands for the runner, tags, and characters that XML does not have. */
const HOSTILE =
  '::set-output name=x::1\n  ::error::no\n##[add-path]/evil\n]]></failure>&\u0000\ufffe\u001b[31m\ud800'
const HOST = 'web1'
const PLAY = 'A "play" <of> & more'
const task = (name: string, more: object): Event => ({
  ...{ type: 'task', host: HOST, play: PLAY, role: 'web', task: name },
  ...{ status: 'ok', predicted: false, changes: [], ms: 1500 },
  ...more,
})
const failure = { message: `it failed: ${HOSTILE}`, hint: 'fmc logs web1', output: HOSTILE }
const hostile = (dryRun = false): Event[] => [
  { type: 'version', fmc: '1.2.3', contract: 1 },
  {
    ...{ type: 'start', command: 'play site', dryRun, lab: false },
    ...{ plays: [{ play: PLAY, hosts: [HOST], roles: ['web'] }], hosts: [HOST, 'gone'] },
  },
  task('fine', {}),
  task('changed', { status: 'changed', predicted: true, changes: [{ what: HOSTILE }] }),
  task('left alone', { drift: true, note: 'another owner' }),
  task('skipped', { status: 'skipped', note: 'not here' }),
  task('failed', { status: 'failed', failure }),
  { type: 'host', host: HOST, state: 'failed', failure },
  { type: 'host', host: 'gone', state: 'unreachable', failure: { message: 'no answer' } },
  { type: 'note', level: 'warning', text: HOSTILE },
  {
    ...{ type: 'recap', dryRun, seconds: 1, hosts: {}, exitCode: 2 },
    ...{ ok: 1, changed: 1, skipped: 1, failed: 1, unreachable: 1, unpredicted: 0, unneeded: 0 },
    notReached: { web2: ['Later'] },
  },
]
const health: Event[] = [
  { type: 'version', fmc: '1.2.3', contract: 1 },
  {
    ...{ type: 'start', command: 'play health', dryRun: false, lab: false, readOnly: true },
    ...{ plays: [], hosts: [HOST] },
  },
  {
    type: 'page',
    title: 'Health',
    findings: [
      {
        level: 'broken',
        text: 'etcd has 1 of 3 members',
        details: ['a', HOSTILE],
        hint: 'fmc play site',
      },
      { level: 'degraded', text: 'one VIP has one balancer' },
      { level: 'notice', text: 'a certificate ends in 6 days' },
      { level: 'fine', text: 'all hosts answer' },
    ],
  },
]

/** The rules of JUnit.xsd (github.com/windyroad/JUnit-Schema). */
function demandJunit(text: string): Element {
  const root = parseXml(text)
  t.equal(root.name, 'testsuites')
  for (const [index, suite] of root.children.entries()) {
    t.equal(suite.name, 'testsuite')
    const {
      name,
      timestamp,
      hostname,
      tests,
      failures,
      errors,
      skipped,
      time,
      package: of,
      id,
      ...rest
    } = suite.attributes
    t.same(rest, {}, 'no other attribute')
    for (const token of [name, hostname, of]) t.match(token, /^\S(.*\S)?$/)
    t.match(timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/)
    t.match(time, /^\d+\.\d{3}$/)
    t.equal(id, String(index))
    const names = suite.children.map(child => child.name)
    t.match(names.join(' '), /^properties( testcase)* system-out system-err$/)
    const cases = elements(suite, 'testcase')
    const having = (what: string): number =>
      cases.filter(one => one.children.some(child => child.name === what)).length
    t.same(
      [tests, failures, errors, skipped].map(Number),
      [cases.length, having('failure'), having('error'), having('skipped')],
      `the numbers of ${name}`,
    )
    for (const one of cases) {
      t.same(Object.keys(one.attributes), ['classname', 'name', 'time'])
      t.ok(one.children.length <= 1)
      for (const child of one.children) {
        t.match(child.name, /^(skipped|error|failure)$/)
        if (child.name !== 'skipped') t.ok(child.attributes['type'], 'type is required')
      }
    }
  }
  return root
}

void t.test('JUnit: a suite per host, and what failed, was skipped and not reached', async t => {
  const { out, err } = await print('junit', hostile())
  const root = demandJunit(out)
  t.same(
    root.children.map(s => s.attributes['name']),
    [HOST, 'gone', 'web2'],
  )
  const [web, gone, web2] = root.children
  t.same(
    elements(web!, 'testcase').map(c => [c.attributes['name'], c.children[0]?.name]),
    [
      ['fine', undefined],
      ['changed', undefined],
      ['left alone', undefined],
      ['skipped', 'skipped'],
      ['failed', 'failure'],
    ],
    'the host itself does not fail a second time',
  )
  t.equal(web?.attributes['time'], '7.500', 'seconds')
  t.equal(elements(web!, 'testcase')[0]?.attributes['classname'], `${PLAY}.web`)
  const failed = elements(web!, 'testcase')[4]?.children[0]
  t.match(
    failed?.text,
    ']]></failure>&^@\\u{fffe}^[[31m',
    'text of hosts is text, controls are visible',
  )
  t.match(failed?.text, 'hint: fmc logs web1')
  t.match(elements(web!, 'system-out')[0]?.text, 'changed: web › changed: ')
  t.equal(elements(gone!, 'testcase')[0]?.children[0]?.name, 'error', 'unreachable is an error')
  t.equal(elements(web2!, 'testcase')[0]?.children[0]?.name, 'skipped')
  t.match(err, 'it failed', 'people read the plain report on stderr')
})

void t.test(
  'JUnit: a task that the verify pass finds again has failed, and counts once',
  async t => {
    const again = { message: 'changed: not idempotent: it would change again' }
    const { out } = await print('junit', [
      ...hostile().slice(0, 4),
      task('changed', { status: 'failed', failure: again }),
    ])
    const [web] = demandJunit(out).children
    t.equal(web?.attributes['tests'], '2')
    t.equal(web?.attributes['failures'], '1')
  },
)

void t.test('JUnit: the page of a check, and the runs of the other tests', async t => {
  const root = demandJunit((await print('junit', health)).out)
  const page = root.children.find(s => s.attributes['name'] === 'Health')
  t.same(
    elements(page!, 'testcase').map(c => c.children[0]?.name),
    ['failure', 'failure', undefined, undefined],
  )
  for (const dryRun of [true, false]) demandJunit((await print('junit', run(dryRun))).out)
  t.equal(
    demandJunit((await print('junit', [])).out).children.length,
    0,
    'a run that did not begin',
  )
})

const place = (host?: string) => ({
  file: '/srv/my, cloud/inventory.yaml',
  line: host === HOST ? 12 : 0,
  column: 3,
})
const options = { place, cwd: '/srv' }

void t.test('GitHub: annotations, and no line of a host is a command', async t => {
  const { out, err } = await print('github', hostile(), options)
  const lines = `${out}${err}`.split('\n')
  const commands = lines.filter(line => /^\s*::/.test(line))
  t.same(
    commands.map(line => line.replace(/^(::\w+ .*?)::.*/, '$1')),
    [
      '::warning file=my%2C cloud/inventory.yaml,line=12,col=3,title=fmc%3A web1 › web › left alone',
      '::error file=my%2C cloud/inventory.yaml,line=12,col=3,title=fmc%3A web1 › web › failed',
      '::error file=my%2C cloud/inventory.yaml,title=fmc%3A gone',
      '::warning file=my%2C cloud/inventory.yaml,title=fmc%3A warning',
    ],
  )
  t.match(commands[1], ',title=fmc%3A web1 › web › failed::it failed: ::set-output')
  t.match(commands[1], '%0A  ::error::no%0A', 'line ends are escaped')
  t.notMatch(lines.filter(l => !commands.includes(l)).join('\n'), /##\[/, 'nor of the old kind')
  t.match(out, '\\::error::no', 'what the host printed can still be read')
})

void t.test('GitHub: the findings of a check, but not what is fine', async t => {
  const { out } = await print('github', health, options)
  t.same(
    out
      .split('\n')
      .filter(l => l.startsWith('::'))
      .map(l => l.replace(/^::(\w+) .*title=(.*?)::.*/, '$1 $2')),
    ['error fmc%3A Health', 'error fmc%3A Health', 'notice fmc%3A Health'],
  )
})

/** The part of the SARIF 2.1.0 schema that fmc uses. Nothing else may be there. */
const message = z.strictObject({ text: z.string().min(1) })
const physicalLocation = z.strictObject({
  artifactLocation: z.strictObject({ uri: z.string(), uriBaseId: z.literal('SRCROOT').optional() }),
  region: z.strictObject({ startLine: z.int().min(1), startColumn: z.int().min(1) }).optional(),
})
const SARIF = z.strictObject({
  $schema: z.url(),
  version: z.literal('2.1.0'),
  runs: z.tuple([
    z.strictObject({
      tool: z.strictObject({
        driver: z.strictObject({
          name: z.string().min(1),
          version: z.string().min(1).optional(),
          rules: z.array(z.strictObject({ id: z.string().min(1), shortDescription: message })),
        }),
      }),
      columnKind: z.literal('utf16CodeUnits'),
      originalUriBaseIds: z.strictObject({
        SRCROOT: z.strictObject({ uri: z.string().regex(/^file:.*\/$/) }),
      }),
      results: z.array(
        z.strictObject({
          ruleId: z.string(),
          ruleIndex: z.int().min(0),
          kind: z.literal('pass').optional(),
          level: z.enum(['none', 'note', 'warning', 'error']),
          message,
          locations: z
            .array(
              z.strictObject({
                physicalLocation: physicalLocation.optional(),
                logicalLocations: z
                  .array(z.strictObject({ name: z.string(), kind: z.literal('resource') }))
                  .optional(),
              }),
            )
            .optional(),
          partialFingerprints: z.strictObject({ 'fmc/v1': z.string().regex(/^[0-9a-f]{32}$/) }),
        }),
      ),
    }),
  ]),
})
const sarif = async (all: readonly Event[]) => {
  const log = SARIF.parse(JSON.parse((await print('sarif', all, options)).out))
  const [{ results, tool }] = log.runs
  for (const one of results) {
    t.equal(tool.driver.rules[one.ruleIndex]?.id, one.ruleId)
    // SARIF 3.27.10: a result that is no failure has the level none.
    t.equal(one.kind === 'pass', one.level === 'none')
  }
  return results
}

void t.test('SARIF: failures with the line of the host, and differences', async t => {
  const results = await sarif(hostile())
  t.same(
    results.map(r => [r.ruleId, r.level, r.locations?.[0]?.physicalLocation?.region?.startLine]),
    [
      ['drift', 'warning', 12],
      ['task-failed', 'error', 12],
      ['host-lost', 'error', undefined],
    ],
  )
  t.equal(
    results[0]?.locations?.[0]?.physicalLocation?.artifactLocation.uri,
    'my%2C%20cloud/inventory.yaml',
  )
  const dry = await sarif(hostile(true))
  t.same(
    dry.map(r => r.ruleId),
    ['drift', 'drift', 'task-failed', 'host-lost'],
    'what a dry run would change is drift, too',
  )
  t.same(
    dry.at(-1)?.partialFingerprints,
    results.at(-1)?.partialFingerprints,
    'the same from run to run',
  )
  t.equal(new Set(dry.map(r => r.partialFingerprints['fmc/v1'])).size, 4)
})

void t.test('SARIF: the findings of a check', async t => {
  t.same(
    (await sarif(health)).map(r => [r.ruleId, r.level]),
    [
      ['broken', 'error'],
      ['degraded', 'warning'],
      ['notice', 'note'],
      ['fine', 'none'],
    ],
  )
  await sarif(run(true))
  t.same(await sarif([]), [])
})

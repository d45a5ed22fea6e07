// Hooks: what each service gets, when a run calls which, and that nothing secret is in a message or an error.
import t, { type Test } from 'tap'
import type { Event } from '../../lib/engine/events.ts'
import { callHooks, hooksFor, hookWarning, type OpenHook } from '../../lib/notify/hooks.ts'
import { requestOf, uuidOf, type HookEvent } from '../../lib/notify/messages.ts'
import { post } from '../../lib/notify/post.ts'
import { Summary, type RunSummary } from '../../lib/notify/summary.ts'
import { redactor } from '../../lib/secrets/redact.ts'
import { Secret } from '../../lib/secrets/secret.ts'
import { service } from './service.ts'

const HOSTILE = '<!channel> @all `rm` & \u001b[31m\nSecond: line'
const counts = {
  ok: 3,
  changed: 1,
  skipped: 0,
  failed: 1,
  unreachable: 0,
  unpredicted: 0,
  unneeded: 0,
}
const failure = { message: HOSTILE, output: 'not for a chat' }
const failed: readonly Event[] = [
  {
    ...{ type: 'start', command: 'play site', dryRun: false, lab: false, plays: [] },
    hosts: ['web1', 'web2'],
  },
  {
    ...{ type: 'task', host: 'web1', play: 'Web', role: 'web', task: 'file /etc/x' },
    ...{ status: 'failed', predicted: true, changes: [], ms: 1, failure },
  },
  { type: 'host', host: 'web1', state: 'failed', failure },
  {
    ...{
      type: 'recap',
      ...counts,
      dryRun: false,
      seconds: 2,
      exitCode: 2,
      next: 'fmc play site --limit web1',
    },
    hosts: { web1: counts, web2: { ...counts, failed: 0 } },
  },
]
const summaryOf = (events: readonly Event[], exitCode: number, more: object = {}): RunSummary => {
  const summary = new Summary({
    ...{ command: 'play site', run: 'a1b2c3d4', dryRun: false, begin: '2026-11-30T12:00:00.000Z' },
    ...{ controller: 'admin1', fmc: '1.2.3' },
    ...more,
  })
  events.forEach(event => summary.on(event))
  return summary.of(exitCode, new Date('2026-11-30T12:00:02.500Z'))
}
const hook = (more: Partial<OpenHook> & Pick<OpenHook, 'url' | 'type'>): OpenHook => ({
  ...{ key: 'hooks.on_failure[0]', event: 'failure', commands: undefined, dryRuns: false },
  ...more,
})
const send = async (
  t: Test,
  type: OpenHook['type'],
  event: HookEvent,
  summary: RunSummary,
  token?: string,
) => {
  const { got, url } = await service(t)
  const [result] = await callHooks(
    [hook({ type, url: `${url}/path/SECRET`, token })],
    event,
    summary,
    text => text,
  )
  t.equal(result?.problem, undefined)
  t.equal(got.length, 1)
  t.equal(got[0]?.method, 'POST')
  return got[0]!
}

void t.test('webhook: the summary as JSON, without the output of commands', async t => {
  const { body, headers, url } = await send(t, 'webhook', 'failure', summaryOf(failed, 2), 'TOKEN')
  t.equal(url, '/path/SECRET')
  t.equal(headers['content-type'], 'application/json')
  t.equal(headers.authorization, 'Bearer TOKEN')
  t.same(JSON.parse(body), {
    ...{
      event: 'failure',
      text: 'fmc play site on admin1: failed',
      command: 'play site',
      run: 'a1b2c3d4',
    },
    ...{ dryRun: false, exitCode: 2, seconds: 2.5, begin: '2026-11-30T12:00:00.000Z' },
    ...{ controller: 'admin1', fmc: '1.2.3', counts, hosts: 2, next: 'fmc play site --limit web1' },
    ...{ failed: ['web1'], unreachable: [], changed: ['web1', 'web2'] },
    problems: [{ host: 'web1', role: 'web', task: 'file /etc/x', message: HOSTILE }],
  })
  t.notMatch(body, 'not for a chat')
})

void t.test('Slack: what a host says notifies nobody and is no markup', async t => {
  const { body } = await send(t, 'slack', 'failure', summaryOf(failed, 2))
  const { text } = JSON.parse(body) as { text: string }
  const [title, fence, ...rest] = text.split('\n')
  t.equal(title, '*fmc play site on admin1: failed*')
  t.equal(fence, '```')
  t.equal(rest.indexOf('```'), rest.length - 1, 'nothing ends the block before its end')
  t.match(text, "web1 › web › file /etc/x: &lt;!channel&gt; @all 'rm' &amp; ^[[31m\\nSecond: line")
  t.notMatch(text, /<|>/)
  t.same(JSON.parse((await send(t, 'slack', 'test', summaryOf([], 0))).body), {
    text: '*fmc play site on admin1: this is a test of a hook*',
  })
})

void t.test('ntfy: title, priority and tags in headers, the text in the body', async t => {
  const { headers, body } = await send(t, 'ntfy', 'failure', summaryOf(failed, 2), 'TOKEN')
  t.match(headers, {
    title: 'fmc play site on admin1: failed',
    priority: 'high',
    authorization: 'Bearer TOKEN',
  })
  t.match(body, /^exit code 2, 2 hosts, 2.5 s\n/)
  t.equal(body.split('\n').length, 6, 'a line of a host is one line')
  const other = summaryOf([], 0, { controller: 'büro\r\nx: y' })
  const { headers: encoded } = await send(t, 'ntfy', 'success', other)
  t.match(encoded['title'], /^=\?UTF-8\?B\?[A-Za-z0-9+/=]+\?=$/)
  t.equal(encoded['x'], undefined, 'nobody adds a header')
})

void t.test('Healthchecks: start, and the exit code with the same run id', async t => {
  const paths: string[] = []
  for (const [event, code] of [
    ['start', 0],
    ['success', 0],
    ['failure', 130],
    ['drift', 3],
    ['test', 0],
  ] as const)
    paths.push((await send(t, 'healthchecks', event, summaryOf([], code))).url)
  const rid = `?rid=${uuidOf('a1b2c3d4')}`
  t.same(paths, [
    `/path/SECRET/start${rid}`,
    `/path/SECRET/0${rid}`,
    `/path/SECRET/130${rid}`,
    `/path/SECRET/3${rid}`,
    '/path/SECRET/log',
  ])
  t.match(uuidOf('x'), /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/)
})

void t.test('a password with a percent sign of its own is sent as it is', async t => {
  const { got, url } = await service(t)
  const address = url.replace('//', '//user:100%sure%2F@')
  t.equal(await post({ url: address, headers: {}, body: '' }, 5000), undefined)
  t.equal(
    got[0]?.headers.authorization,
    `Basic ${Buffer.from('user:100%sure%2F').toString('base64')}`,
  )
})

void t.test('every exit code has words, and a dry run says that it is one', t => {
  const title = (exitCode: number, more = {}): string =>
    requestOf(
      { type: 'ntfy', url: 'https://ntfy.test/x' },
      'failure',
      summaryOf([], exitCode, more),
    ).headers['title'] ?? ''
  t.match(title(4), /: a host was unreachable$/)
  t.match(title(130), /: interrupted$/)
  t.match(title(143), /: terminated$/)
  t.match(title(1, { dryRun: true }), 'fmc play site (dry run) on admin1: failed')
  t.end()
})

void t.test('a check: its findings are the problems', t => {
  const page: Event = {
    ...{ type: 'page', title: 'Health' },
    findings: [
      { level: 'broken', text: 'etcd has 1 of 3 members' },
      { level: 'notice', text: 'not so important' },
    ],
  }
  t.same(summaryOf([page], 2).problems, [{ message: 'etcd has 1 of 3 members' }])
  const many = Array.from({ length: 50 }, (_, i): Event => ({
    ...{ type: 'host', host: `h${i}`, state: 'unreachable' },
    failure: { message: 'x'.repeat(9000) },
  }))
  t.ok(JSON.stringify(summaryOf(many, 4)).length < 10_000, 'a summary stays short')
  t.end()
})

void t.test('which hooks a run calls', t => {
  const all = [
    { event: 'success', commands: undefined, dryRuns: false },
    { event: 'success', commands: ['play site'], dryRuns: true },
    { event: 'failure', commands: ['play'], dryRuns: false },
    { event: 'start', commands: ['drift'], dryRuns: false },
  ] as const
  const called = (event: HookEvent, command: string, dryRun = false): number[] =>
    hooksFor(all, event, { command, dryRun }).map(one => all.indexOf(one as never))
  t.same(called('success', 'play site'), [0, 1])
  t.same(called('success', 'play sites'), [0], 'a whole word')
  t.same(called('success', 'play site', true), [1], 'a dry run that succeeds: only with dry_runs')
  t.same(called('failure', 'play site', true), [2], 'a dry run that fails')
  t.same(called('failure', 'role motd web'), [])
  t.same(called('start', 'drift'), [3])
  t.same(called('start', 'drift site', true), [], 'a dry run does not start a check')
  t.same(called('test', 'play site'), [])
  t.end()
})

void t.test('nothing secret in a message: redacted as a whole, keys and numbers stay', async t => {
  const { got, url } = await service(t)
  const hide = redactor([new Secret('file /etc/x'), new Secret('failed')])
  await callHooks([hook({ type: 'webhook', url })], 'failure', summaryOf(failed, 2), hide)
  const body = JSON.parse(got[0]?.body ?? '') as Record<string, unknown>
  t.same(body['failed'], ['web1'])
  t.match(JSON.stringify(body['problems']), '‹secret›')
  t.notMatch(got[0]?.body, 'file /etc/x')
})

void t.test('errors show the host and nothing else of the address', async t => {
  const other = await service(t)
  const moved = await service(t, 302, `${other.url}/elsewhere`)
  const refused = await service(t, 403)
  const silent = await service(t, 0)
  const ends = await service(t)
  const request = (url: string) =>
    post({ url, headers: { authorization: 'Bearer TOKEN' }, body: 'BODY' }, 300)
  const cases: readonly (readonly [url: string, RegExp])[] = [
    [`${moved.url}/CANARY?key=CANARY`, /^it redirects \(HTTP 302\)/],
    [`${refused.url}/CANARY`, /^it answered HTTP 403$/],
    [`${silent.url}/CANARY`, /^no answer within 0.3 s$/],
    ['http://127.0.0.1:1/CANARY', /^(ECONNREFUSED|the request could not be made)/],
    ['http://CANARY.invalid./x', /^[A-Z_]+$/],
    ['file:///etc/CANARY', /^expected a URL/],
    ['CANARY', /^expected a URL/],
    [`http://user:CANARY@${refused.host}/x`, /^it answered HTTP 403$/],
  ]
  for (const [url, expected] of cases) {
    const problem = await request(url)
    t.match(problem, expected, url)
    t.notMatch(problem, /CANARY|TOKEN|BODY/)
    const [result] = await callHooks(
      [hook({ type: 'slack', url })],
      'success',
      summaryOf([], 0),
      x => x,
      { send: () => Promise.resolve(problem) },
    )
    const warning = hookWarning(result!)
    t.match(warning, /^the hook hooks\.on_failure\[0\] \(slack at .+\) was not called: /)
    t.notMatch(warning.replace('CANARY.invalid', ''), /CANARY|TOKEN|BODY/)
  }
  t.equal(other.got.length, 0, 'no other host gets what is meant for this one')
  t.equal(
    refused.got.at(-1)?.headers.authorization,
    `Basic ${Buffer.from('user:CANARY').toString('base64')}`,
  )
  const bad = await post(
    { url: ends.url, headers: { authorization: 'Bearer TO\nKEN' }, body: '' },
    300,
  )
  t.match(bad, /^the request could not be made/)
  t.notMatch(bad, 'KEN')
})

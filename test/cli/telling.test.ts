// From the hooks of an inventory and its secrets file to what services get; and that none of it fails a run.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { Event } from '../../lib/engine/events.ts'
import { lint } from '../../lib/inventory/lint.ts'
import { loadInventory } from '../../lib/inventory/load.ts'
import { secretUses } from '../../lib/inventory/secrets.ts'
import type { Secret } from '../../lib/secrets/secret.ts'
import { SMALL } from '../inventory/helpers.ts'
import { service } from '../notify/service.ts'
import { ROOT } from '../rig/lab.ts'
import { OWN_RUN, startSshd } from '../ssh/rig.ts'

// The bundle has it from package.json.
Object.assign(globalThis, { FMC_VERSION: '9.9.9' })
const { openTelling } = await import('../../lib/cli/telling.ts')
const { seal } = await import('../../lib/secrets/age.ts')
const { usedBy } = await import('../../lib/cli/secret-users.ts')
const age = await import('age-encryption')

/** A project with these hooks and secrets. */
async function project(t: Test, hooks: string, secrets: Readonly<Record<string, string>> = {}) {
  const dir = t.testdir({})
  process.env['FMC_CACHE'] = join(dir, 'cache')
  const identity = await age.generateIdentity()
  const recipient = await age.identityToRecipient(identity)
  mkdirSync(join(dir, 'keys'), { mode: 0o700 })
  writeFileSync(join(dir, 'keys/identity.txt'), `${identity}\n`, { mode: 0o600 })
  const text = `recipients: [${recipient}]\nsecrets: ${JSON.stringify(secrets)}\n`
  writeFileSync(join(dir, 'secrets.age'), await seal(text, { recipients: [recipient] }))
  const file = join(dir, 'inventory.yaml')
  writeFileSync(file, `${SMALL}hooks:\n${hooks}`)
  const inventory = await loadInventory(file)
  return { file, inventory, identity: join(dir, 'keys/identity.txt') }
}

/** One run with these events and this exit code. */
async function run(
  { inventory, file, identity }: Awaited<ReturnType<typeof project>>,
  exitCode: number,
  more: { command?: string; dryRun?: boolean; lab?: object; events?: readonly Event[] } = {},
): Promise<string[]> {
  const warnings: string[] = []
  const telling = await openTelling({
    ...{ run: 'a1b2c3d4', command: more.command ?? 'play site', dryRun: more.dryRun ?? false },
    context: { inventory, secrets: [] as Secret[], lab: more.lab as never },
    options: { inventory: file, identity },
    warn: text => warnings.push(text),
  })
  more.events?.forEach(event => telling.on(event))
  await telling.end(exitCode)
  return warnings
}

void t.test('secrets come from the secrets file; each event calls its own hooks', async t => {
  const { got, url } = await service(t)
  const one = await project(
    t,
    `  on_start: [&hc { type: healthchecks, url: !secret hc_url, commands: [play site, drift] }]
  on_success: [*hc]
  on_failure: [*hc, { type: ntfy, url: "${url}/topic", token: !secret ntfy_token }]
  on_drift: [{ type: webhook, url: "${url}/drift" }]
`,
    { hc_url: `${url}/CANARY\n`, ntfy_token: 'TOKEN' },
  )
  const paths = async (...args: [number, object?]): Promise<string[]> => {
    got.splice(0)
    t.same(await run(one, ...args), [])
    return got.map(({ url: path }) => path.replace(/\?rid=.*/, ''))
  }
  t.same(await paths(0), ['/CANARY/start', '/CANARY/0'])
  t.same((await paths(130)).sort(), ['/CANARY/130', '/CANARY/start', '/topic'])
  t.equal(got.find(({ url: path }) => path === '/topic')?.headers.authorization, 'Bearer TOKEN')
  t.same(await paths(0, { dryRun: true }), [], 'a dry run that succeeds tells nobody')
  t.same((await paths(2, { dryRun: true })).sort(), ['/CANARY/2', '/topic'], 'one that fails does')
  t.same(await paths(3, { dryRun: true }), [], 'pending changes of a dry run are no drift')
  t.same(await paths(3, { command: 'drift' }), ['/CANARY/start', '/drift'])
  t.same(
    await paths(0, { command: 'drift' }),
    ['/CANARY/start', '/CANARY/0'],
    'a check that finds nothing',
  )
  t.same(await paths(2, { lab: {} }), [], 'a rehearsal tells nobody')
  t.same(await paths(0, { command: 'play reboot' }), [])
  t.same(await paths(2, { command: 'copy a web:/b' }), [], 'fmc copy tells nobody')
})

void t.test('what cannot be called is one warning each, and shows no secret', async t => {
  const refuses = await service(t, 500)
  const one = await project(
    t,
    `  on_failure:
    - { type: slack, url: !secret slack_url }
    - { type: slack, url: !secret missing }
    - { type: healthchecks, url: !secret no_url }
`,
    { slack_url: `${refuses.url}/CANARY`, no_url: 'CANARY' },
  )
  const warnings = await run(one, 2)
  t.match(warnings.sort(), [
    /^the hook hooks\.on_failure\[0\] \(slack at 127\.0\.0\.1:\d+\) was not called: it answered HTTP 500$/,
    /^the hook hooks\.on_failure\[1\] \(slack\) was not called: no secret missing in /,
    /^the hook hooks\.on_failure\[2\] \(healthchecks at an address that is no URL\) was not called: expected a URL/,
  ])
  t.notMatch(warnings.join('\n'), 'CANARY')
  const locked = await run({ ...one, identity: '/nonexistent/identity.txt' }, 2)
  t.equal(locked.length, 3, 'a secrets file that does not open')
  t.match(locked[0], /was not called: .*there is no identity file/)
})

void t.test('spans go to the collector of the environment, with the trace of the run', async t => {
  const { got, url } = await service(t)
  const one = await project(t, '  on_drift: []\n')
  process.env['OTEL_EXPORTER_OTLP_ENDPOINT'] = url
  t.teardown(() => delete process.env['OTEL_EXPORTER_OTLP_ENDPOINT'])
  t.same(await run(one, 0), [])
  t.same(await run(one, 0, { lab: {} }), [])
  t.equal(got.length, 1, 'not from the lab')
  t.match(got[0]?.body, '"fmc.command"')
  process.env['OTEL_EXPORTER_OTLP_ENDPOINT'] = 'http://127.0.0.1:1'
  t.match(await run(one, 0), [/^the spans of this run were not sent to 127\.0\.0\.1:1: /])
})

void t.test('lint: keys, secrets in the open, tokens that nobody takes', async t => {
  const dir = t.testdir({})
  const file = join(dir, 'inventory.yaml')
  const problems = async (hooks: string): Promise<string[]> => {
    writeFileSync(file, `${SMALL}hooks:\n${hooks}`)
    return (await lint(file)).map(
      p => `${p.line - SMALL.split('\n').length} ${p.severity} ${p.rule ?? ''}: ${p.message}`,
    )
  }
  t.same(await problems('  on_failure: [{ type: ntfy, url: https://ntfy.test/x }]\n'), [])
  const wrong = await problems(
    `  on_failure:
    - { type: slack, url: https://hooks.slack.com/CANARY }
    - { type: healthchecks, url: !secret a, token: !secret b }
    - { type: webhook, url: https://user:CANARY@example.org/ }
    - { type: ntfy, url: http://ntfy.test/x, token: !secret c }
`,
  )
  t.same(wrong, [
    '2 warning hook: everybody who reads the inventory can use this address of slack',
    '3 error hook: healthchecks takes no token: its address is the secret',
    '4 warning hook: the address has a password in it, and the inventory is no place for secrets',
    '5 warning hook: the token would be sent without encryption',
  ])
  const twice = await problems(
    '  on_start: [&a { type: healthchecks, url: https://hc-ping.com/CANARY }]\n  on_success: [*a]\n',
  )
  t.equal(twice.length, 1, 'an alias repeats no problem')
  const shape = await problems(
    `  on_failed: []
  on_success:
    - { type: teams, url: https://x/y }
    - { type: ntfy, url: CANARY-no-url }
    - { type: ntfy, url: https://x/y, token: CANARY }
    - { type: ntfy, url: https://x/y, commands: [lint] }
`,
  )
  t.equal(shape.length, 5, shape.join('\n'))
  t.match(
    shape.find(p => p.startsWith('1 ')),
    'unknown key on_failed',
  )
  t.match(
    shape.find(p => p.startsWith('3 ')),
    /webhook or ntfy or healthchecks or slack/,
  )
  t.match(
    shape.find(p => p.startsWith('6 ')),
    /expected a command such as play site/,
  )
  t.notMatch(shape.join('\n'), 'CANARY', 'a text where a secret belongs is not shown')
})

void t.test('fmc secrets list: a hook uses its secrets', async t => {
  const { inventory } = await project(
    t,
    '  on_failure: [{ type: ntfy, url: !secret u, token: !secret t }]\n',
  )
  const users = secretUses(inventory).map(use => ({ ...use, roles: [] }))
  t.equal(usedBy('u', users), 'hooks.on_failure[0].url')
  t.equal(usedBy('t', users), 'hooks.on_failure[0].token')
})

void t.test('Ctrl-C while services do not answer ends the waiting, not the record', async t => {
  const dir = t.testdir({
    roles: {
      r: {
        'index.ts': `import { role, z } from 'fmc'\nexport default role({ name: 'r', summary: 'x', vars: z.object({}), async tasks() {} })\n`,
      },
    },
  })
  const [sshd, silent] = await Promise.all([startSshd(dir, { prepare: OWN_RUN }), service(t, 0)])
  t.teardown(() => sshd.stop())
  writeFileSync(
    join(dir, 'inventory.yaml'),
    `timezone: UTC
domain: x.internal
networks: {}
hooks: { on_success: [{ type: webhook, url: "${silent.url}" }] }
hosts:
  a: { os: debian 12, ssh: { host: 127.0.0.1, port: ${sshd.port}, user: root, identity_file: ${sshd.key}, sudo: false } }
`,
  )
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    const state = join(dir, signal)
    const child = spawn(process.execPath, [join(ROOT, 'lib/bin.js'), 'role', 'r', 'a'], {
      cwd: dir,
      env: { ...process.env, FMC_CACHE: join(dir, 'cache'), FMC_STATE: state },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    let said = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
    const exit = once(child, 'exit')
    const asked = silent.got.length
    while (silent.got.length === asked && child.exitCode === null)
      await new Promise(resolve => setTimeout(resolve, 20))
    child.kill(signal)
    t.same(await exit, [0, null], `${signal}: the run itself has succeeded`)
    t.match(said, /the hook hooks\.on_success\[0\] .* was not called: interrupted/)
    const [record = ''] = readdirSync(join(state, 'fmc/runs'))
    const lines = readFileSync(join(state, 'fmc/runs', record), 'utf8')
      .trimEnd()
      .split('\n')
    t.match(JSON.parse(lines.at(-1) ?? ''), { type: 'end', exitCode: 0 })
    t.ok(
      lines.some(line => line.includes('interrupted')),
      'the record says it, too',
    )
  }
})

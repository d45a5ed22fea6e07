// A plan of a project, from its options to its file and back, without any host.
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import type { PlayOptions } from '../../lib/cli/commands/play.ts'
import { loadPlaybook } from '../../lib/cli/load.ts'
import { boxOf, demandApplicable, followPlan } from '../../lib/cli/plans/follow.ts'
import { keysOf } from '../../lib/cli/plans/keys.ts'
import { openPlan } from '../../lib/cli/plans/open.ts'
import { planned } from '../../lib/cli/plans/planned.ts'
import { savePlan } from '../../lib/cli/plans/save.ts'
import { choose, makeReady, type Ready } from '../../lib/cli/prepare.ts'
import type { Event, RecapEvent } from '../../lib/engine/events.ts'
import type { Plan } from '../../lib/engine/plan.ts'
import { approvalLine } from '../../lib/plan/format.ts'
import { Secret } from '../../lib/secrets/secret.ts'
import { forms } from '../../lib/secrets/redact.ts'
import { newKeyFile, saveSecrets } from '../secrets/keys.ts'

// The bundle has it from package.json.
Object.assign(globalThis, { FMC_VERSION: '9.9.9' })

const CANARIES = ['canary-of-the-secrets-file', 'canary-of-an-option', 'canary-in-a-diff']

const INVENTORY = `timezone: UTC
domain: example.org
networks: { lan: { cidr: 10.9.8.0/24, mode: bridge } }
groups:
  web: { hosts: [web1, web2], vars: { app_text: hello, app_password: !secret app } }
hosts:
  web1: { os: debian 12, nics: [{ network: lan, address: 10.9.8.1 }] }
  web2: { os: debian 12, nics: [{ network: lan, address: 10.9.8.2 }] }
`
const ROLE = `import { role, z } from 'fmc'
const vars = z.object({ app_text: z.string(), app_password: z.any(), app_note: z.string().optional() })
export default role({ name: 'app', summary: 'for a test', vars, async tasks() {} })
`
const BOOK = `import { play, playbook } from 'fmc'
import app from '../roles/app/index.ts'
export default playbook('site', [play('Web', { hosts: 'web', roles: [app] })])
`

/** A project of two people who can open its secrets; boss may approve. */
async function project(t: Test) {
  const dir = mkdtempSync(join(tmpdir(), 'fmc-plan-'))
  t.teardown(() => rmSync(dir, { recursive: true }))
  const write = (name: string, text: string) => {
    mkdirSync(dirname(join(dir, name)), { recursive: true })
    writeFileSync(join(dir, name), text)
  }
  write('inventory.yaml', INVENTORY)
  write('playbooks/site.ts', BOOK)
  write('roles/app/index.ts', ROLE)
  write('roles/app/app.conf', 'x')
  write('roles/app/README.md', 'x')
  const before = process.env['FMC_CACHE']
  process.env['FMC_CACHE'] = join(dir, 'cache')
  t.teardown(() => {
    if (before === undefined) delete process.env['FMC_CACHE']
    else process.env['FMC_CACHE'] = before
  })
  const [alice, bob, boss] = await Promise.all([
    newKeyFile(join(dir, 'alice')),
    newKeyFile(join(dir, 'bob')),
    newKeyFile(join(dir, 'boss')),
  ])
  const recipients = [alice.recipient, bob.recipient]
  const secret = (text: string) =>
    saveSecrets(join(dir, 'secrets.age'), new Map([['app', text]]), { recipients })
  await secret(CANARIES[0] ?? '')
  const keyOf = async (identity: string) => (await keysOf({ identity })).signing[0]
  const [aliceKey, bossKey] = await Promise.all([keyOf(alice.path), keyOf(boss.path)])
  write('signers', `alice ${aliceKey?.publicKey}\nboss ${bossKey?.publicKey}\n`)
  const options = (more: Partial<PlayOptions> = {}): PlayOptions => ({
    inventory: join(dir, 'inventory.yaml'),
    forks: '5',
    identity: alice.path,
    dryRun: true,
    out: join(dir, 'p.fmc'),
    ...more,
  })
  const ready = async (o: PlayOptions): Promise<Ready> =>
    makeReady(await choose(await loadPlaybook('site', o.inventory), 'play site', o, true))
  return { dir, alice, bob, boss, bossKey, secret, write, options, ready, file: join(dir, 'p.fmc') }
}

const RUN = { kind: 'play', name: 'site' } as const
const recap = (exitCode = 0): RecapEvent =>
  ({ type: 'recap', exitCode, changed: 1, hosts: {}, dryRun: true, next: 'fmc play site' }) as never

const found = (complete = true): Plan =>
  new Map([
    [
      'one',
      {
        ...{ play: 'Web', host: 'web1', complete },
        roles: new Map([
          [
            'app',
            [
              {
                ...{ host: 'web1', role: 'app', name: `file /x ${CANARIES[0]}`, ms: 1 },
                changes: [
                  {
                    what: `content ${CANARIES[0]}`,
                    script: new Secret(`printf ${CANARIES[0]}`),
                    diff: `+${CANARIES[2]}\n`,
                  },
                ],
              },
              { ...{ host: 'web1', role: 'app', name: 'fine', ms: 1 }, changes: [] },
            ],
          ],
        ]),
      },
    ],
  ])

/** Saves a plan as a dry run does. */
async function save(p: Awaited<ReturnType<typeof project>>, more: Partial<PlayOptions> = {}) {
  const o = p.options(more)
  const work = await savePlan(await p.ready(o), RUN, o)
  work.settings.onPlan?.(found())
  const shown = work.events(recap())
  const { events, error } = await work.end()
  if (error) throw error as Error
  return { shown, events }
}

void t.test('a plan of a project', async t => {
  const p = await project(t)
  const { shown, events } = await save(p, {
    requireApproval: ['boss'],
    notBefore: '2026-01-01T00:00Z',
    validUntil: '2999-12-31T12:00Z',
    limit: ['web1'],
    extraVars: [`app_note=${CANARIES[1]}`],
  })
  t.strictSame(shown, [], 'the recap comes last')
  t.match(events, [
    { type: 'note', text: /: the plan of 1 task, signed by SHA256:/ },
    { type: 'note', text: /boss must approve it/ },
    { type: 'recap', next: /^fmc apply .*p\.fmc$/ },
  ])

  await t.test('no form of a secret is in it', t => {
    const text = readFileSync(p.file, 'utf8')
    for (const canary of CANARIES)
      for (const form of forms(canary)) t.notOk(text.includes(form), form)
    t.match(text, '"extraVars":["app_note"]')
    t.match(text, 'file /x ‹secret›')
    t.end()
  })

  await t.test('it is applied after approval, by all who could open the secrets', async t => {
    const opened = await openPlan(p.file, { identity: p.alice.path })
    t.match(opened, { own: true, signer: 'alice', inventory: join(p.dir, 'inventory.yaml') })
    t.throws(() => demandApplicable(opened), {
      message: /still needs the approval of boss/,
      hint: /^fmc approve .* --as boss$/,
    })
    if (p.bossKey) writeFileSync(p.file, opened.text + approvalLine(opened.plan, 'boss', p.bossKey))
    const inventory = join(p.dir, 'inventory.yaml')
    const bobs = await openPlan(p.file, { identity: p.bob.path, inventory })
    t.match(bobs, { own: false, signer: 'alice' })
    demandApplicable(bobs)
    const box = await boxOf(bobs)
    t.strictSame(box.extraVars, [`app_note=${CANARIES[1]}`])
    t.match(box.diffs, { '0': [`+${CANARIES[2]}\n`] })
    const o = p.options({ limit: ['web1'], extraVars: box.extraVars, identity: p.bob.path })
    const work = await followPlan(await p.ready(o), bobs, box)
    t.match(work.notes, [/signed by alice \(SHA256:.*; boss approved it at /])
    const failed = { type: 'task', failure: { message: 'x', hint: work.follow?.(true)?.again } }
    t.match(work.events(recap(2)), [{ next: 'fmc play site' }])
    work.events(failed as unknown as Event)
    t.match(work.events(recap(2)), [
      {
        next: `fmc plan site --out ${p.file} --require-approval boss --valid-until 2999-12-31T12:00:00Z --limit web1 -i ${inventory}   # and your own -e app_note=…`,
      },
    ])
    const first = work.follow?.(false)
    t.match(first, { tasks: [{ host: 'web1', role: 'app' }] })
    first?.progress.begin('task one', 'web1', false)
    const next = await followPlan(await p.ready(o), bobs, box)
    const own = (resumed: boolean) =>
      next.follow?.(resumed)?.progress.mayHaveAltered('task one', 'web1')
    t.equal(own(true), true, 'the next apply knows what this one has begun')
    next.events(recap(0))
    t.equal(own(true), false, 'until an apply has made all of the plan')
    first?.progress.begin('task one', 'web1', false)
    t.equal(own(false), false, 'or the interruption is too long ago')
    const stranger = await openPlan(p.file, { identity: p.boss.path, inventory })
    await t.rejects(boxOf(stranger), /your age identity does not open/)
    p.write('signers', readFileSync(join(p.dir, 'signers'), 'utf8').replace('boss', 'chief'))
    const later = await openPlan(p.file, { identity: p.alice.path })
    t.throws(() => demandApplicable(later), /no longer gives boss the key SHA256:/)
  })
})

void t.test('what has changed is named, before any host is connected to', async t => {
  const p = await project(t)
  await save(p)
  const opened = await openPlan(p.file, { identity: p.alice.path })
  const box = await boxOf(opened)
  const follow = async () => followPlan(await p.ready(p.options()), opened, box)
  await follow()
  p.write('inventory.yaml', `# a comment\n${INVENTORY}`)
  p.write('roles/app/README.md', 'other')
  await follow()
  p.write(
    'inventory.yaml',
    INVENTORY.replace('hello', 'good morning').replace('10.9.8.2', '10.9.8.3'),
  )
  p.write('roles/app/app.conf', 'y')
  p.write('roles/app/more.ts', '')
  p.write('playbooks/site.ts', `${BOOK}// later\n`)
  await p.secret('another')
  const error = await follow().catch((cause: unknown) => cause as Error)
  t.match(error, { name: 'UsageError', hint: /^fmc plan site --out \S+ -i \S+$/ })
  t.strictSame((error as Error).message.split('\n  ').slice(1).sort(), [
    'playbooks/site.ts has changed',
    'roles/app/app.conf has changed',
    'roles/app/more.ts is new',
    'the host web2 in the inventory has changed',
    'the secret app has changed',
    'the variable app_text of web1 has changed',
    'the variable app_text of web2 has changed',
  ])
})

void t.test('a handler does what it did when the plan was made, or nothing', async t => {
  const p = await project(t)
  p.write(
    'roles/app/index.ts',
    ROLE.replace('{ role, z }', '{ $, role, z }').replace(
      'async tasks',
      () => 'handlers: { restart: () => $`${program} --restart` }, async tasks',
    ) + "import { program } from '../../common/program.ts'\n",
  )
  p.write('common/program.ts', "export const program = 'app'\n")
  await save(p)
  const opened = await openPlan(p.file, { identity: p.alice.path })
  const box = await boxOf(opened)
  const follow = async () => followPlan(await p.ready(p.options()), opened, box)
  await follow()
  const text = readFileSync(join(p.dir, 'roles/app/index.ts'), 'utf8')
  p.write('roles/app/index.ts', text.replace('--restart', '--erase'))
  await t.rejects(follow(), /\n {2}roles\/app\/index\.ts has changed$/)
  p.write('roles/app/index.ts', text)
  await follow()
  p.write('common/program.ts', "export const program = 'rm'\n")
  await t.rejects(follow(), /\n {2}common\/program\.ts has changed$/)
})

void t.test('a plan of a stranger decides nothing', async t => {
  const p = await project(t)
  const evil = await project(t)
  await save(evil, { out: p.file })
  const cwd = process.cwd()
  process.chdir(p.dir)
  t.teardown(() => process.chdir(cwd))
  const opened = await openPlan(p.file, { identity: p.alice.path })
  t.match(opened, { own: false, signer: undefined, inventory: 'inventory.yaml' })
  t.throws(() => demandApplicable(opened), /a key that neither you nor .*signers has/)
})

void t.test('what cannot be saved is found before any host is connected to', async t => {
  const p = await project(t)
  p.write(
    'signers',
    readFileSync(join(p.dir, 'signers'), 'utf8').replace(/^boss (.*)$/m, '$&\nchief $1'),
  )
  for (const [more, message] of [
    [{ out: join(p.dir, 'inventory.yaml') }, /exists, and fmc has not written it/],
    [{ requireApproval: ['bos'] }, /signers has no key of bos/],
    [{ requireApproval: ['alice'] }, /nobody approves a plan of their own/],
    [{ requireApproval: ['boss', 'chief'] }, /chief: boss has the same key/],
    [{ validUntil: 'soon' }, /--valid-until soon: expected a time/],
    [{ validUntil: '1h', notBefore: '2h' }, /is over before/],
    [{ identity: join(p.dir, 'nobody') }, /there is no identity file/],
    [{ key: join(p.dir, 'no-key') }, /--key: there is no file/],
  ] as const)
    await t.rejects(save(p, more), message)
  for (const [o, message] of [
    [{ out: 'p', dryRun: false }, /--out saves the plan of a dry run/],
    [{ dryRun: true, out: undefined, validUntil: '3d' }, /--valid-until belongs to a saved plan/],
    [{ dryRun: true, out: 'p', listTasks: true }, /the --list options make none/],
  ] as const)
    t.throws(() => planned(RUN, { ...p.options(), ...o } as PlayOptions), message)
})

void t.test('a plan that is not whole is not written', async t => {
  const p = await project(t)
  for (const [complete, code] of [
    [true, 2],
    [true, 4],
    [false, 0],
  ] as const) {
    const o = p.options()
    const work = await savePlan(await p.ready(o), RUN, o)
    work.settings.onPlan?.(found(complete))
    work.events(recap(code))
    const { events } = await work.end()
    t.match(events, [
      { type: 'note', level: 'warning', text: /was not written/ },
      { type: 'recap', next: 'fmc play site' },
    ])
  }
  await t.rejects(openPlan(p.file, { identity: p.alice.path }), /there is no plan/)
})

void t.test('an SSH key may sign, and diffs are shown only if asked for', async t => {
  const p = await project(t)
  const key = join(p.dir, 'key')
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key])
  await save(p, { key })
  t.match(await openPlan(p.file, { identity: p.alice.path }), { own: false, signer: undefined })
  t.match(await openPlan(p.file, { identity: p.alice.path, key }), { own: true })
  const o = p.options()
  const task = { type: 'task', changes: [{ what: 'content', diff: '+x' }] } as unknown as Event
  const shown = async (diff: boolean) =>
    (await savePlan(await p.ready(o), RUN, { ...o, diff })).events(task)
  t.strictSame(await shown(false), [{ type: 'task', changes: [{ what: 'content' }] }])
  t.strictSame(await shown(true), [task])
})

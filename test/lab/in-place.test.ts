import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { labSecret } from '../../lib/lab/secrets.ts'
import { readState } from '../../lib/lab/state.ts'
import { groupPids } from '../../lib/lab/machines/cgroups.ts'
import { rig, ROOT, run, type FmcRun } from '../rig/lab.ts'

const HOST = (name: string, n: number, more = ''): string =>
  `  ${name}: { os: debian 12, nics: [{ network: lan, address: 192.168.0.${n} }]${more} }\n`
const DISK = (size: string): string =>
  `, disks: [{ name: data, size: ${size}, device: /dev/disk/by-id/virtio-data }]`
const BASE = `timezone: UTC
domain: cloud.internal
networks:
  lan: { cidr: 192.168.0.0/24, mode: bridge, gateway: 192.168.0.1 }
all: { vars: { note_text: !secret note_text } }
hosts:
${HOST('a', 30)}`
const TWO = BASE + HOST('b', 31, DISK('1GB'))
const ROLE = `import { file, role, Secret, z } from '${ROOT}/lib/index.ts'
export default role({
  name: 'note',
  summary: 'A file',
  vars: z.object({ note_text: z.instanceof(Secret) }),
  async tasks({ vars }) {
    await file('/etc/note', { content: vars.note_text })
  },
})
`
const REAL = 'a value of the project'

void t.test('an edit of the inventory changes the lab in place', { timeout: 600_000 }, async t => {
  const dir = t.testdir({
    'inventory.yaml': TWO,
    roles: { note: { 'index.ts': ROLE } },
    other: { 'inventory.yaml': BASE.replace('  a:', '  elsewhere:') },
  })
  const inventory = join(dir, 'inventory.yaml')
  const edit = (text: string): void => writeFileSync(inventory, text)
  const r = await rig(t, 'in-place', { inventory })
  const pids = () => Object.fromEntries((readState(r.name)?.hosts ?? []).map(h => [h.name, h.pid]))
  const note = (...more: readonly string[]) => r.fmc('role', 'note', 'all', ...more)
  const tasks = (ran: FmcRun) => ran.tasks.map(e => `${e.host} ${e.status}`).sort()
  const lab = (...args: readonly string[]) =>
    run([process.execPath, join(ROOT, 'lib/bin.js'), 'lab', ...args], { env: { FMC_LAB: r.name } })

  await t.test('without a secrets file secrets have made-up values', async t => {
    const ran = await note()
    t.equal(ran.code, 0, ran.stderr)
    t.match(ran.stderr, /^lab \S+: 2 hosts; \d+ stand-ins .*: fmc lab status names them$/m)
    t.equal(ran.stderr.trim().split('\n').length, 1, 'one line')
    t.ok(
      ran.stdout
        .trim()
        .split('\n')
        .every(line => line.startsWith('{')),
      'only NDJSON',
    )
    t.notMatch(ran.stdout, /stands? in for/)
    t.equal(await r.text('a', 'cat /etc/note'), labSecret(r.state.dir, 'note_text'))
  })

  await t.test(
    'with a secrets file they are the project’s, and none is kept by the lab',
    async t => {
      const env = { FMC_AGE_IDENTITY: join(dir, 'identity.txt') }
      const secrets = (argv: readonly string[], input = '') =>
        run([process.execPath, join(ROOT, 'lib/bin.js'), 'secrets', ...argv], {
          cwd: dir,
          env,
          input,
        })
      t.match(await secrets(['init']), { code: 0 })
      t.match(await secrets(['set', 'note_text'], REAL), { code: 0 })
      const unopened = await note('--dry-run')
      t.match(
        unopened.stderr,
        /^lab: secrets have made-up values, since .*secrets\.age cannot be opened: .*there is no identity file/m,
      )
      t.strictSame(tasks(unopened), ['a ok', 'b ok'])
      const ran = await r.fmcWith(env, 'role', 'note', 'all')
      t.equal(ran.code, 0, ran.stderr)
      t.equal(await r.text('a', 'cat /etc/note'), REAL)
      const kept = readdirSync(r.state.dir, { withFileTypes: true }).filter(e => e.isFile())
      for (const { name } of kept)
        t.notMatch(readFileSync(join(r.state.dir, name), 'utf8'), REAL, name)
      const named = await r.fmcWith({}, 'role', 'note', 'all', '--identity', join(dir, 'none.txt'))
      t.match(named, { code: 1, stderr: /none\.txt/ }, 'an identity that is named must be there')
    },
  )
  const withSecrets = { FMC_AGE_IDENTITY: join(dir, 'identity.txt') }
  const apply = (...more: readonly string[]) =>
    r.fmcWith(withSecrets, 'role', 'note', 'all', ...more)

  await t.test('a host is added, already by a dry run; the tasks of the others are ok', async t => {
    edit(TWO + HOST('c', 32))
    const before = pids()
    const planned = await apply('--dry-run')
    t.match(planned.stderr, /^lab \S+: added c \(\d+\.\d s\)$/m)
    t.strictSame(tasks(planned), ['a ok', 'b ok', 'c changed'])
    t.match(pids(), before, 'the others run on')
    const ran = await apply()
    t.strictSame(tasks(ran), ['a ok', 'b ok', 'c changed'])
    t.notMatch(ran.stderr, /added/)
  })

  await t.test('a host whose disks change is rebuilt, and no other', async t => {
    edit(BASE + HOST('b', 31, DISK('2GB')) + HOST('c', 32))
    const { a, c } = pids()
    const ran = await apply()
    t.match(ran.stderr, /^lab \S+: rebuilt b because its disks changed \(\d+\.\d s\)$/m)
    t.strictSame(tasks(ran), ['a ok', 'b changed', 'c ok'])
    t.equal(await r.text('b', 'blockdev --getsize64 /dev/vdb'), String(2 * 1024 ** 3))
    t.match(pids(), { a, c })
  })

  await t.test('a host is removed with all that it had', async t => {
    edit(BASE + HOST('b', 31, DISK('2GB')))
    const { stderr, code } = await lab('up', '-i', inventory)
    t.equal(code, 0)
    t.match(stderr, /^lab \S+: removed c \(\d+\.\d s\)\n$/)
    t.strictSame(Object.keys(pids()), ['a', 'b'])
    t.strictSame(groupPids(r.state.key, 'c'), [])
    t.notOk(existsSync(`/run/netns/fmc-${r.state.key}-c`))
    t.notOk(existsSync(join(r.state.dir, 'hosts/c')))
    t.equal((await note('--limit', 'c')).code, 1, 'the inventory has it no more')
  })

  await t.test('killed in the middle, the next run goes on', async t => {
    edit(BASE + HOST('b', 33, DISK('2GB')) + HOST('d', 34))
    const { a } = pids()
    const child = spawn(
      process.execPath,
      [join(ROOT, 'lib/bin.js'), 'lab', 'up', '--name', r.name, '-i', inventory],
      { stdio: 'ignore' },
    )
    const closed = once(child, 'close')
    while (groupPids(r.state.key, 'd').length === 0) await sleep(10)
    child.kill('SIGKILL')
    await closed
    const ran = await apply()
    t.equal(ran.code, 0, ran.stderr)
    t.strictSame(tasks(ran), ['a ok', 'b changed', 'd changed'])
    t.match(pids(), { a })
    t.equal(await r.text('b', 'hostname -I').then(s => s.trim()), '192.168.0.33')
  })

  await t.test('the lab of another inventory is not touched', async t => {
    const before = pids()
    const { code, stderr } = await lab('up', '-i', join(dir, 'other/inventory.yaml'))
    t.equal(code, 1)
    t.match(stderr, `is the twin of ${inventory}: with ${join(dir, 'other/inventory.yaml')}`)
    t.match(stderr, 'it would lose a, b, d')
    t.match(stderr, 'fmc lab up --fresh')
    t.strictSame(pids(), before)
  })

  await t.test('status as NDJSON', async t => {
    const lines = (await lab('status', '--output', 'json')).stdout.trim().split('\n')
    t.match(
      lines.map(line => JSON.parse(line) as unknown),
      [
        { type: 'version' },
        { type: 'lab', name: r.name, hosts: [{ name: 'a', state: 'running' }] },
      ],
    )
  })

  await t.test('--fresh builds all hosts anew', async t => {
    t.match(await lab('up', '--fresh', '-i', inventory), { code: 0 })
    t.strictSame(tasks(await apply()), ['a changed', 'b changed', 'd changed'])
  })
})

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ROOT, run } from '../rig/lab.ts'

const INVENTORY = `timezone: UTC
domain: cloud.internal
networks:
  lan: { cidr: 192.168.0.0/24, mode: bridge, gateway: 192.168.0.1 }
hosts:
  web1: { os: debian 12, nics: [{ network: lan, address: 192.168.0.30 }] }
  web2: { os: debian 12, nics: [{ network: lan, address: 192.168.0.31 }] }
`
const ROLE = `import { file, gate, probe, role, z } from '${ROOT}/lib/index.ts'
export default role({
  name: 'note',
  summary: 'A file',
  vars: z.object({ note_text: z.string() }),
  async tasks({ vars }) {
    await file('/etc/note', { content: vars.note_text + '\\n' })
    await gate('there is no /run/fault', async () => !(await probe\`test -e /run/fault\`).ok)
  },
})
`
/** A role whose second run changes something again. */
const RESTLESS = `import { $, role, z } from '${ROOT}/lib/index.ts'
export default role({ name: 'restless', summary: '', vars: z.object({}), async tasks() { await $\`true\` } })
`
const tests = (body: string): string => `import assert from 'node:assert/strict'
import { test } from 'node:test'
import { proveGate, proveRole, startLab } from '${ROOT}/dist/testing.js'
${body}`

const GOOD = tests(`test('note', async t => {
  const lab = await startLab(t, { hosts: 'web1' })
  assert.deepEqual(lab.state.hosts.map(h => h.name), ['web1'])
  const { run } = await proveRole({ lab, role: 'note', hosts: 'web1', vars: { note_text: 'a "b" $c' } })
  assert.deepEqual(run.changed, ['web1 note/file /etc/note'])
  assert.equal(await lab.text('web1', 'cat /etc/note'), 'a "b" $c')
  assert.equal((await lab.exec('web1', 'exit 3')).code, 3)
  const fault = { lab, role: 'note', hosts: 'web1', vars: { note_text: 'a "b" $c' }, gate: 'there is no /run/fault' }
  await proveGate({ ...fault, break: 'touch /run/fault', mend: 'rm /run/fault' })
  await assert.rejects(proveGate({ ...fault, break: 'true' }), /the gate fails/)
})
`)
const BAD = tests(`test('restless', () => proveRole({ role: 'restless', hosts: 'web1' }))
`)
const ENDLESS = tests(`test('endless', async t => {
  const lab = await startLab(t, { hosts: 'web1' })
  process.stdout.write('LAB ' + lab.name + '\\n')
  await lab.exec('web1', 'sleep 1000')
})
`)

void t.test(
  'an own role is proved with node:test in a project of its own',
  { timeout: 600_000 },
  async t => {
    const project = t.testdir({
      'inventory.yaml': INVENTORY,
      roles: { note: { 'index.ts': ROLE }, restless: { 'index.ts': RESTLESS } },
      test: { 'good.mjs': GOOD, 'bad.mjs': BAD, 'endless.mjs': ENDLESS },
    })
    const at = (name: string): readonly string[] => [
      process.execPath,
      ...['--test', join(project, 'test', name)],
    ]
    // What the outer runner sets would make the inner one speak its protocol.
    const env = { NODE_TEST_CONTEXT: undefined, FMC_LAB_DIR: '/var/lib/fmc-lab-testing' }

    await t.test('a role that keeps its promises passes', async t => {
      const { code, stdout, stderr } = await run(at('good.mjs'), { cwd: project, env })
      t.equal(code, 0, `${stdout}${stderr}`)
    })

    await t.test('a role that does not fails, and says what it did', async t => {
      const { code, stdout } = await run(at('bad.mjs'), { cwd: project, env })
      t.equal(code, 1)
      t.match(stdout, /the run exits with 2, not 0.*restless/s)
    })

    for (const signal of ['SIGINT', 'SIGTERM'] as const)
      await t.test(`${signal} takes the lab down`, async t => {
        const [command = '', ...args] = at('endless.mjs').filter(arg => arg !== '--test')
        const child = spawn(command, args, {
          cwd: project,
          env: { ...process.env, ...env },
          stdio: ['ignore', 'pipe', 'inherit'],
        })
        let out = ''
        child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text))
        while (!/LAB \S+\n/.test(out)) await once(child.stdout, 'data')
        const name = /LAB (\S+)/.exec(out)?.[1] ?? ''
        t.ok(existsSync(join(env.FMC_LAB_DIR, name)), 'the lab is up')
        child.kill(signal)
        const [code] = (await once(child, 'exit')) as [number]
        t.equal(code, signal === 'SIGINT' ? 130 : 143)
        t.notOk(existsSync(join(env.FMC_LAB_DIR, name)), 'and down')
      })

    t.notOk(existsSync(env.FMC_LAB_DIR), 'no lab is left')
  },
)

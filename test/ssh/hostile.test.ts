// Hosts that mean harm, beside an honest one: what they cost the others, this machine and its disk.
import { spawn } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { Event } from '../../lib/engine/events.ts'
import { run } from '../../lib/engine/run.ts'
import { checkVars, select } from '../../lib/engine/define/select.ts'
import { $, file, playbook, probe, role, z } from '../../lib/index.ts'
import { loadInventory } from '../../lib/inventory/load.ts'
import { openWith } from '../../lib/ssh/index.ts'
import { LIMITS } from '../../lib/ssh/link.ts'
import type { OpenSession } from '../../lib/ssh/types.ts'
import { keygen, publicKey, startSshd } from './rig.ts'

/** What each may say about it; the name is how it means harm (test/rig/hostile.js). */
const HOSTILE: Readonly<Record<string, RegExp>> = {
  endless: /printed more than .* and was ended/,
  'endless-err': /printed more than .* and was ended/,
  bytes: /printed more than .* and was ended|took longer than/,
  slow: /took longer than 3 s and was ended/,
  huge: /printed more than .* and was ended/,
  'huge-lock': /printed more than .* and was ended/,
  sections: /took longer than|unexpected/,
  marks: /printed more than .* and was ended|took longer than/,
  close: /connection lost|has ended/,
  vanish: /connection lost|has ended/,
  silent: /took longer than 3 s and was ended/,
  rekey: /took longer than 3 s and was ended|connection lost/,
  'endless-before': /no shell for endless-before/,
  'slow-before': /no shell for slow-before/,
  'half-greeting': /no shell for half-greeting/,
  storm: /no shell for storm/,
}
const LIMIT = { ...LIMITS, enterMs: 2000, graceMs: 500, connectMs: 20_000, commandMs: 60_000 }
const TASK_MS = 3000

const work = role({
  name: 'work',
  summary: 'for a test',
  vars: z.object({}),
  async tasks() {
    for (let i = 0; i < 20; i++) {
      await file(`/run/honest-${i}`, { content: `${i}\n`, notify: 'count' })
      if (!(await probe`test -e /run`).ok) await $`false`
    }
  },
  handlers: { count: () => $`ls /run/honest-* | wc -l >/run/count` },
})

const hostileServer = async (t: Test, dir: string) => {
  const key = keygen(join(dir, 'hostile'))
  const child = spawn(process.execPath, [join(import.meta.dirname, '../rig/hostile.js'), key], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.teardown(() => child.kill('SIGKILL'))
  const port = await new Promise<number>(resolve =>
    child.stdout.once('data', (text: Buffer) => resolve(Number(text.toString()))),
  )
  return { port, key: `[127.0.0.1]:${port} ${publicKey(key)}\n` }
}

/** What hostile hosts are given less time for than fmc gives them. */
const impatient: OpenSession = async (target, boot, options) => {
  const timeoutMs = target.name === 'honest' ? 60_000 : TASK_MS
  const opened = await openWith(LIMIT, target, boot, { ...options, timeoutMs })
  const { session } = opened
  const run = session.run.bind(session)
  Object.assign(session, { run: (script: string, o: object) => run(script, { ...o, timeoutMs }) })
  return opened
}

const under = (dir: string): string[] =>
  readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter(e => e.isFile())
    .map(e => join(e.parentPath, e.name))

void t.test('hostile hosts beside an honest one', { timeout: 300_000 }, async t => {
  const dir = t.testdir()
  const sshd = await startSshd(dir, {
    prepare: `mount -t tmpfs run /run; mkdir /run/sshd; mount -t tmpfs lib /var/lib`,
  })
  t.teardown(() => sshd.stop())
  const hostile = await hostileServer(t, dir)
  const known = join(dir, 'known')
  writeFileSync(known, readFileSync(sshd.knownHosts, 'utf8') + hostile.key)
  const names = ['honest', ...Object.keys(HOSTILE)]
  const inventoryFile = join(dir, 'inventory.yaml')
  writeFileSync(
    inventoryFile,
    `timezone: UTC
domain: hostile.internal
networks: { lan: { cidr: 10.0.0.0/24, mode: bridge, gateway: 10.0.0.1 } }
hosts:
${names.map((n, i) => `  ${n}: { os: debian 12, nics: [{ network: lan, address: 10.0.0.${i + 10} }] }\n`).join('')}`,
  )
  const inventory = await loadInventory(inventoryFile)
  const controller = join(dir, 'controller')
  mkdirSync(controller)

  const once = async (dryRun: boolean) => {
    const stages = select(
      inventory,
      playbook('test', [{ name: 'work', hosts: 'all', roles: [work] }]),
      {},
    )
    const events: Event[] = []
    let honestAt = 0
    const start = performance.now()
    const code = await run({
      inventory,
      stages,
      vars: checkVars(stages, () => ''),
      dryRun,
      readOnly: false,
      conclude: undefined,
      found: new Map(),
      begun: Date.now(),
      keepDir: join(controller, 'kept'),
      diff: false,
      forks: 50,
      lab: false,
      pendingIsError: false,
      artifactsDir: undefined,
      secrets: [],
      stop: new AbortController().signal,
      kill: new AbortController().signal,
      openSession: impatient,
      targetOf: ({ name }) =>
        sshd.target({
          name,
          user: name === 'honest' ? 'root' : name,
          port: name === 'honest' ? sshd.port : hostile.port,
          knownHostsFiles: [known],
          transport: 'ssh2',
        }),
      cacheDir: join(controller, 'cache'),
      inventoryFile,
      command: 'test',
      emit(event) {
        events.push(event)
        if (event.type === 'host' && event.host === 'honest' && event.state === 'connected')
          honestAt = performance.now() - start
      },
    })
    return { code, events, honestAt, seconds: (performance.now() - start) / 1000 }
  }

  let most = 0
  const before = process.memoryUsage().rss
  const watch = setInterval(() => (most = Math.max(most, process.memoryUsage().rss)), 20)
  t.teardown(() => clearInterval(watch))
  for (const dryRun of [true, false]) {
    const ran = await once(dryRun)
    t.comment(
      `honest connected after ${Math.round(ran.honestAt)} ms, all over after ${ran.seconds.toFixed(1)} s, memory +${Math.round((most - before) / 1e6)} MB`,
    )
    const recap = ran.events.at(-1)
    t.match(recap, { type: 'recap', hosts: { honest: { failed: 0, unreachable: 0, changed: 21 } } })
    t.match(recap, { unpredicted: 0, unneeded: 0 })
    for (const [name, why] of Object.entries(HOSTILE)) {
      const told = ran.events.flatMap(e => ('failure' in e && e.host === name ? [e.failure] : []))
      t.equal(told.length, 1, `${name}: one error`)
      t.match(told[0]?.message, why, name)
      t.ok(JSON.stringify(told).length < 150_000, `${name}: no long error`)
    }
  }
  t.ok(most - before < 300e6, `memory: ${Math.round((most - before) / 1e6)} MB`)
  const left = under(controller)
  t.strictSame(
    left.filter(path => !path.startsWith(join(controller, 'cache/questions'))),
    [],
    'nothing is left on the controller but what hosts were asked',
  )
  for (const path of left) t.ok(statSync(path).size < 10_000, path)
  t.equal(
    readFileSync(`/proc/${sshd.pid}/root/run/count`, 'utf8').trim(),
    '20',
    'the honest host is as it should be',
  )
})

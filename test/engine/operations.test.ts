import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { cut, heal } from '../../lib/lab/index.ts'
import { project, soon, type Name, type Project } from '../faults/project.ts'

const bootId = (p: Project, host: Name) => p.rig.text(host, 'cat /proc/sys/kernel/random/boot_id')

const book = (p: Project, name: string, imports: string, play: string, options = '{}'): string =>
  p.write(
    `playbooks/${name}.ts`,
    `import { play, playbook } from 'fmc'\n${imports}\nexport default playbook('${name}', [${play}], ${options})\n`,
  )

void t.test('what operations need of the engine', { timeout: 900_000 }, async t => {
  const p = await project(t, 'engine-operations')
  const hosts = ['a', 'b', 'c'] as const

  await t.test('reboot: predicted, done once per job, resumed after a kill', async t => {
    p.write(
      'roles/boot/index.ts',
      `import { file, reboot, role, z } from 'fmc'
export default role({ name: 'boot', summary: '', vars: z.object({}), async tasks() {
  const { changed } = await reboot()
  await file('/etc/rebooted', { content: changed ? 'now' : 'before', once: true })
} })\n`,
    )
    book(
      p,
      'boot',
      "import boot from '../roles/boot/index.ts'",
      "play('Boot', { hosts: 'all', roles: [boot], serial: 1 })",
    )
    const before = await Promise.all(hosts.map(h => bootId(p, h)))
    const dry = await p.fmc('play', 'boot', '--dry-run')
    t.strictSame(
      dry.changed,
      hosts.flatMap(h => [`${h} reboot`, `${h} file /etc/rebooted`]),
    )
    t.strictSame(
      await Promise.all(hosts.map(h => bootId(p, h))),
      before,
      'a dry run reboots no host',
    )

    const first = p.start('play', 'boot')
    await first.until(e => e.type === 'task' && e.host === 'a' && e.task === 'file /etc/rebooted')
    await sleep(100)
    first.kill('SIGKILL')
    await first.end
    // b may be about to reboot: `systemctl reboot` returns before sshd ends.
    for (const h of hosts) {
      t.ok(await p.unlocked(h), `${h}: the command that was under way has ended`)
      const up = `systemctl is-system-running | grep -qE '^(running|degraded)$'`
      t.ok(await soon(() => p.holds(h, up)), `${h} is not about to reboot`)
    }
    const between = await Promise.all(hosts.map(h => bootId(p, h)))
    t.not(between[0], before[0], 'a has booted')
    const second = await p.fmc('play', 'boot')
    t.match(second, { code: 0, recap: { failed: 0, unpredicted: 0, unneeded: 0 } }, second.stderr)
    const after = await Promise.all(hosts.map(h => bootId(p, h)))
    t.equal(after[0], between[0], 'a is not rebooted a second time')
    t.not(after[1], before[1], 'b has been rebooted, by one run or the other')
    t.not(after[2], before[2], 'c has been rebooted')
    t.ok(second.tasks.some(e => e.host === 'a' && e.note === 'has booted since this job began'))

    const third = await p.fmc('play', 'boot', '--limit', 'a')
    t.strictSame(third.changed, ['a reboot'], 'a finished job is over: the next one is a new one')
    t.not(await bootId(p, 'a'), after[0])
    t.ok(await p.unlocked('a'))
  })

  await t.test('a host that does not come back, and one that refuses', async t => {
    p.write(
      'roles/refuse/index.ts',
      `import { reboot, role, z } from 'fmc'
export default role({ name: 'refuse', summary: '', vars: z.object({}), tasks: async () => void (await reboot({ timeoutSeconds: 3 })) })\n`,
    )
    const systemctl = (does: string): Promise<unknown> =>
      p.rig.on(
        'a',
        'cat >/usr/local/bin/systemctl; chmod +x /usr/local/bin/systemctl',
        `#!/bin/sh\n[ "$1" != reboot ] || ${does}\nexec /usr/bin/systemctl "$@"\n`,
      )
    await systemctl('{ echo not now >&2; exit 1; }')
    const refused = await p.fmc('role', 'refuse', 'a')
    t.match(refused, { code: 2, failures: { a: /reboot: not now \(exit code 1\)/ } })
    await systemctl('exit 0')
    const stuck = await p.fmc('role', 'refuse', 'a')
    t.match(
      stuck.failures['a'],
      /did not come back within .* of its reboot: .*it has not shut down yet/,
    )
    await p.rig.text('a', 'rm /usr/local/bin/systemctl')
  })

  await t.test('finally runs after a failure and after Ctrl-C', async t => {
    const clean = (body: string): string => `
    try {
      await file('/run/open', { content: 'x' })
      ${body}
    } finally {
      await absent('/run/open')
      await $\`echo closed >>/run/closed\`
      await gate('closed', async () => (await probe\`test ! -e /run/open\`).ok)
    }`
    const tidy = (host: Name): Promise<boolean> =>
      p.holds(host, 'test ! -e /run/open && test -e /run/closed && test ! -e /run/late')
    const late = "await file('/run/late', { content: 'x' })"
    p.role('failing', clean(`await $\`false\`\n${late}`))
    p.role('gating', clean(`await gate('never', async () => false)\n${late}`))
    p.role(
      'working',
      clean(
        `await $\`touch /run/go; i=0; while [ $i -lt 600 ] && ! [ -e /run/told ]; do i=$((i + 1)); sleep 0.1; done\`\n${late}`,
      ),
    )

    const afterFailure = async (): Promise<void> => {
      t.match(await p.fmc('role', 'failing', 'a'), {
        code: 2,
        failures: { a: /\$ false: exit code 1/ },
      })
      t.ok(await tidy('a'), 'after a failed task')
    }
    const afterCtrlC = async (role: string, host: Name, sign: string): Promise<void> => {
      const run = p.start('role', role, host)
      t.ok(await soon(() => p.holds(host, `test -e ${sign}`)))
      await sleep(300)
      run.kill('SIGINT')
      t.ok(await soon(() => Promise.resolve(run.text().includes('press Ctrl-C again'))), role)
      await p.rig.text(host, 'touch /run/told')
      t.match(await run.end, { code: 130 })
      t.ok(await tidy(host), `after Ctrl-C while ${role}`)
    }
    await Promise.all([
      afterFailure(),
      afterCtrlC('gating', 'b', '/run/open'),
      afterCtrlC('working', 'c', '/run/go'),
    ])
  })

  await t.test('confirm', async t => {
    p.role('harmless', "await file('/run/harmless', { content: 'x' })")
    book(
      p,
      'confirm',
      "import harmless from '../roles/harmless/index.ts'",
      "play('Do', { hosts: 'all', roles: [harmless] })",
      `{ hosts: 'one host', confirm: ({ inventory }) => ({ question: 'It forgets.', answer: inventory.domain }) }`,
    )
    const [many, dry, unasked, wrong] = await Promise.all([
      p.fmc('play', 'confirm'),
      p.fmc('play', 'confirm', '-l', 'a', '--dry-run'),
      p.fmc('play', 'confirm', '-l', 'a'),
      p.fmc('play', 'confirm', '-l', 'a', '-e', 'confirm=other'),
    ])
    t.equal(many.code, 1)
    t.match(many.stderr, /confirm works on one host, but 3 are selected: a, b, c\n.*--limit HOST/)
    t.match(dry, { code: 0, changed: { length: 1 } })
    t.equal(unasked.code, 1)
    t.match(unasked.stderr, /needs confirmation: It forgets\.\n.*-e confirm=faults\.internal/)
    t.equal(wrong.code, 1)
    t.match(wrong.stderr, /expected faults\.internal; nothing was touched/)
    t.notOk(await p.holds('a', 'test -e /run/harmless'))
    t.match(await p.fmc('play', 'confirm', '-l', 'a', '-e', 'confirm=faults.internal'), { code: 0 })
  })

  await t.test(
    'a read-only playbook makes a page, whatever is broken, also during a run',
    async t => {
      p.write(
        'roles/look/index.ts',
        `import { observe, probe, role, z } from 'fmc'
export default role({ name: 'look', summary: '', vars: z.object({}), async tasks({ host }) {
  if (host.name === 'b') throw new Error('strange')
  observe((await probe\`hostname\`).stdout.trim())
} })\n`,
      )
      book(
        p,
        'look',
        "import look from '../roles/look/index.ts'",
        "play('Look', { hosts: 'all', roles: [look] })",
        `{ readOnly: true, conclude: ({ hosts, found, lost }) => ({ title: 'Look', findings: hosts.map(h =>
        found(h.name, 'look') === h.name ? { level: 'fine', text: h.name }
        : { level: 'degraded', text: h.name + ' is gone', details: [lost.get(h.name) ?? '?'], hint: 'look at it' }) }) }`,
      )
      p.role('busy', 'await $`touch /run/busy; sleep 20`')
      const busy = p.start('role', 'busy', 'a')
      t.ok(await soon(() => p.holds('a', 'test -e /run/busy')))
      await cut(p.rig.state, 'c')
      t.teardown(() => heal(p.rig.state, 'c'))
      const json = await p.fmc('play', 'look')
      busy.kill('SIGKILL')
      const page = json.events.find(e => e.type === 'page')
      t.match(json, { code: 2, recap: { exitCode: 2, changed: 0 } })
      t.match(page?.findings, [
        { level: 'fine', text: 'a' },
        { level: 'degraded', text: 'b is gone', details: [/strange/] },
        { level: 'degraded', text: 'c is gone', details: [/no answer within|timed out|no route/i] },
      ])
      await heal(p.rig.state, 'c')
    },
  )
})

// The dead man's guard on a real host: real timers, sessions, cables and boots. Its logic by cases: test/engine/guarded.test.ts.
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { cut, heal } from '../../lib/lab/index.ts'
import { answers, outageOf } from '../rig/outage.ts'
import { until } from '../rig/until.ts'
import { HOSTS, inventoryText, project, soon, type Name, type Project } from './project.ts'

/** Of a guard that shall fire; others have the time that a slow machine needs. */
const SECONDS = 8
/** `cut` lets nobody in who is not in yet, `shut` nobody at all; `loose` and `other` are harmless. */
const ROLE = `
    const rules = { cut: 'tcp dport 22 ct state new drop', shut: 'tcp dport 22 drop', loose: 'tcp dport 9 drop', other: 'tcp dport 10 drop' }[vars.what]
    await directory('/srv/rules')
    await fmc.guarded('rules', {
      files: ['/srv/rules/nft'],
      save: 'nft -s list table inet guarded >table 2>/dev/null || :',
      undo: "printf 'table inet guarded\\\\ndelete table inet guarded\\\\n' | cat - table | nft -f -",
      seconds: vars.seconds,
    }, async () => {
      await file('/srv/rules/nft', { content: \`table inet guarded
delete table inet guarded
table inet guarded {
  chain input {
    type filter hook input priority 0;
    \${rules}
  }
}
\`, notify: 'load' })
      await flush()
      if (vars.linger) await $({ creates: '/srv/rules/lingered' })\`touch /run/lingering; sleep 20; touch /srv/rules/lingered\`
    })`
const HANDLERS = 'load: () => $`nft -f /srv/rules/nft`'
const VARS =
  "what: z.string().default('loose'), linger: z.boolean().default(false), seconds: z.number().default(60)"
const STATE = 'cat /srv/rules/nft 2>/dev/null; nft -s list table inet guarded 2>/dev/null; true'
/** Also once a run has told that it fired, and has taken the mark away. */
const FIRED =
  '! test -e /var/lib/fmc/guard/rules/armed && ! test -e /var/lib/fmc/guard/rules/undoing'
const UNDONE = 'test -e /var/lib/fmc/guard/rules/undone'
const NOTHING_LEFT = `! [ -e /var/lib/fmc/guard/rules ] && ! ls /etc/systemd/system/*guard* /etc/systemd/system/timers.target.wants/*guard* 2>/dev/null && ! systemctl list-timers --all | grep fmc-guard`

const untilSsh = async (p: Project, host: Name): Promise<number> =>
  Math.round((await until(() => answers(p.rig, HOSTS[host]), 90, `${host} answers`)) / 100) / 10

void t.test('the guard', { timeout: 900_000 }, async t => {
  const p = await project(t, 'faults-guard', {
    inventory: inventoryText(name => (name === 'c' ? ['ssh: { transport: openssh }'] : [])),
  })
  p.role('rules', ROLE, { handlers: HANDLERS, vars: VARS })
  for (const host of ['a', 'b', 'c'] as const)
    await p.rig.text(host, 'command -v nft || apt-get -qq install -y nftables >/dev/null')
  const set = (what: string, seconds = SECONDS): string[] => [
    ...['-e', `what=${what}`, '-e', `seconds=${seconds}`],
  ]

  await t.test('confirmed; then nothing to do', async t => {
    const ran = await p.fmc('role', 'rules', 'a:b:c')
    t.equal(ran.code, 0, JSON.stringify(ran.failures))
    t.match(ran.recap, { unpredicted: 0, unneeded: 0 })
    t.equal(
      ran.tasks.filter(e => e.note?.startsWith('confirmed over a new connection in')).length,
      3,
    )
    for (const host of ['a', 'b', 'c'] as const) t.ok(await p.holds(host, NOTHING_LEFT), host)
    t.match(await p.fmc('role', 'rules', 'a:b:c'), { code: 0, changed: { length: 0 } })
  })

  await t.test('what cannot be put back stays whole, and so do its copies', async t => {
    p.role(
      'small',
      `await fmc.guarded('small', { files: ['/srv/small/f', '/srv/beside'], seconds: 60 }, async () => {
        await file('/srv/small/f', { content: 'new' })
        await file('/srv/beside', { content: 'new' })
        if (vars.fill) await $\`head -c 1M /dev/zero >/srv/small/full || exit 3\`
      })`,
      { vars: 'fill: z.boolean().default(false)' },
    )
    const copy = (dir: string): string =>
      `find /var/lib/fmc/guard/${dir} -name '*.copy' -size +1k -exec cat {} +`
    const old = await p.rig.text(
      'a',
      'mkdir /srv/small; mount -t tmpfs -o size=64k,mode=755 none /srv/small; printf old >/srv/beside; cd /srv/small; seq 8000 | tee f',
    )
    const ran = await p.fmc('role', 'small', 'a', '-e', 'fill=true')
    t.equal(ran.code, 2)
    t.match(
      ran.failures['a'],
      /undone at .* its undo failed with code 74: journalctl -u fmc-guard-small; the copies of the old files are in \/var\/lib\/fmc\/guard\/small$/m,
    )
    t.equal(await p.rig.text('a', 'cat /srv/small/f /srv/beside'), 'newold')
    t.equal(await p.rig.text('a', copy('small')), old)
    await p.rig.text('a', 'rm /srv/small/full')
    const next = await p.fmc('role', 'small', 'a')
    t.match(next, { code: 0, recap: { unpredicted: 0, unneeded: 0 } })
    t.match(next.tasks.find(e => e.task === 'guard small')?.changes, [
      {
        what: /^undone at (.*) because .* go to \/var\/lib\/fmc\/guard\/small\.failed-\1 \(reported now\)$/,
      },
    ])
    t.equal(await p.rig.text('a', copy('small.failed-*')), old)
  })

  for (const what of ['cut', 'shut'])
    await t.test(`rules that ${what} SSH off`, async t => {
      const before = await p.rig.text('a', STATE)
      const { result: ran, seconds } = await outageOf(p.rig, HOSTS.a, () =>
        p.fmc('role', 'rules', 'a', ...set(what)),
      )
      t.ok([2, 4].includes(ran.code), String(ran.code))
      t.comment(ran.failures['a'])
      t.match(ran.failures['a'], /undone at \S+Z|has fired|stopped answering|closed/)
      t.comment(`SSH answered again after ${seconds} s (guard of ${SECONDS} s)`)
      t.ok(seconds > SECONDS / 2, 'it was cut off')
      t.equal(await p.rig.text('a', STATE), before, 'as it was')
      const next = await p.fmc('role', 'rules', 'a')
      t.equal(next.code, 0, JSON.stringify(next.failures))
      const told = next.tasks.find(e => e.task === 'guard rules')
      if (what === 'cut') t.match(told?.changes, [{ what: /^undone at .*was not confirmed/ }])
      t.ok(await p.holds('a', NOTHING_LEFT))
    })

  await t.test('the runner is killed between arm and confirm', async t => {
    const before = await p.rig.text('a', STATE)
    const run = p.start('role', 'rules', 'a', ...set('cut'), '-e', 'linger=true')
    await run.until(e => e.type === 'task' && e.task === 'handler load')
    t.notOk(await answers(p.rig, HOSTS.a), 'nobody gets in')
    run.kill('SIGKILL')
    await run.end
    t.comment(`SSH answers again after ${await untilSsh(p, 'a')} s (guard of ${SECONDS} s)`)
    t.equal(await p.rig.text('a', STATE), before)
    t.ok(await soon(() => p.holds('a', UNDONE)), 'SSH answers a moment before all is done')
    t.ok(await p.unlocked('a'), 'the command that the killed run began has ended')
    const dry = await p.fmc('role', 'rules', 'a', '--dry-run')
    t.match(dry.tasks.find(e => e.task === 'guard rules')?.changes, [{ what: /^undone at / }])
    t.match(await p.fmc('role', 'rules', 'a'), { code: 0 })
  })

  await t.test('the host is cut off after the change', async t => {
    const before = await p.rig.text('b', STATE)
    const run = p.start('role', 'rules', 'b', ...set('other'), '-e', 'linger=true')
    t.ok(await soon(() => p.holds('b', 'test -e /run/lingering')))
    await cut(p.rig.state, 'b')
    await sleep((SECONDS + 3) * 1000)
    await heal(p.rig.state, 'b')
    t.comment(`SSH answers ${await untilSsh(p, 'b')} s after the cable is back`)
    t.ok(await soon(() => p.holds('b', FIRED)), 'it is undone')
    t.equal(await p.rig.text('b', STATE), before)
    run.kill('SIGKILL')
    await run.end
  })

  await t.test('the host boots while the guard is armed', async t => {
    const before = await p.rig.text('c', 'cat /srv/rules/nft')
    // It must still be armed when the host answers after its boot.
    const run = p.start('role', 'rules', 'c', ...set('other', 30), '-e', 'linger=true')
    t.ok(await soon(() => p.holds('c', 'test -e /run/lingering')))
    run.kill('SIGKILL')
    await run.end
    await p.rig.on('c', 'systemctl reboot')
    t.ok(
      await soon(
        () =>
          p.holds('c', '! test -e /run/lingering && systemctl -q is-active fmc-guard-rules.timer'),
        60,
      ),
      'the timer counts anew',
    )
    t.ok(await soon(() => p.holds('c', UNDONE)))
    t.equal(await p.rig.text('c', 'cat /srv/rules/nft'), before)
  })
})

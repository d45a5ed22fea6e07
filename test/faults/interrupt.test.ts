import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import type { Event } from '../../lib/engine/events.ts'
import { cut, heal } from '../../lib/lab/index.ts'
import { project, soon, type Name, type Project, type Running } from './project.ts'

/** Nine tasks and two handlers; everything that is done can be counted afterwards. */
const STEPS = `
    await directory('/srv/steps', { mode: '0750' })
    await file('/srv/steps/one', { content: 'one\\n', notify: 'first' })
    await $({ creates: '/srv/steps/two' })\`sleep 0.1; echo two >/srv/steps/two.part; mv /srv/steps/two.part /srv/steps/two\`
    await file('/srv/steps/three', { content: 'three\\n'.repeat(40000), validate: p => \`sleep 0.1; test -s \${p}\`, notify: ['first', 'second'] })
    await line('/srv/steps/four', 'four')
    await $({ creates: '/srv/steps/five' })\`sleep 0.1; echo five >/srv/steps/five\`
    await file('/srv/steps/six', { content: 'six\\n', notify: 'second' })
    await link('/srv/steps/seven', '/srv/steps/six')
    await file('/srv/steps/eight', { content: 'eight\\n', mode: '0600' })`
const HANDLERS = `
    first: () => $\`sleep 0.1; echo first >>/srv/log\`,
    second: () => $\`sleep 0.1; echo second >>/srv/log\`,`
const TASKS = 9
/** Shell text that goes on when the test says so, and in any case after a minute. */
const untilToldTo = (what: string): string =>
  `i=0; while [ $i -lt 600 ] && ! [ -e /run/go-${what} ]; do i=$((i + 1)); sleep 0.1; done`
/** What the role has made, whole: names, modes, content; then leftovers. */
const LOOK = `cd /srv/steps && stat -c '%n %a %F' -- . * && cat one two three four five six eight | sha256sum && readlink seven
  find /srv /etc /run /var/lib -xdev -name '*.fmc-new'; ls /var/lib/fmc/pending/steps 2>/dev/null; true`

const log = async (p: Project, host: Name) =>
  (await p.rig.on(host, 'cat /srv/log')).stdout.split('\n').filter(Boolean)

/** The n-th task of the apply pass; 0 is its start. */
const reached =
  (n: number) =>
  (event: Event, all: readonly Event[]): boolean => {
    const from = all.findIndex(e => e.type === 'pass' && e.pass === 'apply')
    if (from < 0) return false
    return event.type === 'pass' && event.pass === 'verify'
      ? true
      : all.slice(from).filter(e => e.type === 'task').length >= n
  }

void t.test('runs that are interrupted or meet', { timeout: 900_000 }, async t => {
  const p = await project(t, 'faults-interrupt')
  p.role('steps', STEPS, { handlers: HANDLERS })

  await t.test('killed between any two steps, and run again', async t => {
    const reference = await p.fmc('role', 'steps', 'all')
    t.equal(reference.code, 0, JSON.stringify(reference.failures))
    const whole = await p.rig.text('a', LOOK)
    let owed = 0
    const check = async (host: Name, point: number): Promise<void> => {
      await p.rig.text(host, 'rm -rf /srv/steps /srv/log /var/lib/fmc')
      const first = p.start('role', 'steps', host)
      await first.until(reached(point))
      await sleep((point % 3) * 40)
      first.kill('SIGKILL')
      await first.end
      const free = await p.unlocked(host)
      const before = await log(p, host)
      const second = await p.fmc('role', 'steps', host)
      const after = await log(p, host)
      const ran = second.changed.filter(c => c.includes(' handler ')).map(c => c.slice(10))
      owed += second.tasks.filter(e => e.note === 'pending from an interrupted run').length
      const at = `killed after step ${point} on ${host}`
      t.ok(free, `${at}: the lock is free`)
      t.equal(second.code, 0, `${at}: ${JSON.stringify(second.failures)}${second.stderr}`)
      t.match(second.recap, { failed: 0, unreachable: 0, unpredicted: 0, unneeded: 0 }, at)
      t.strictSame(after.slice(before.length).toSorted(), ran.toSorted(), `${at}: once more`)
      for (const handler of ['first', 'second'])
        t.equal(
          after.filter(l => l === handler).length,
          before.includes(handler) && ran.includes(handler) ? 2 : 1,
          `${at}: ${handler} has run`,
        )
      t.equal(await p.rig.text(host, LOOK), whole, `${at}: converged, nothing left behind`)
    }
    const hosts: Name[] = ['a', 'b', 'c']
    const points = [...Array(TASKS + 3).keys()]
    await Promise.all(
      hosts.map(async (host, i) => {
        for (const point of points.filter(n => n % hosts.length === i)) await check(host, point)
      }),
    )
    t.ok(owed > 0, 'handlers were owed')
    const dry = await p.fmc('play', 'steps', '--dry-run', '--exit-code').catch(() => undefined)
    t.equal(dry?.code, 1, 'there is no such playbook')
    const planned = await p.fmc('role', 'steps', 'all', '--dry-run', '--exit-code')
    t.match(planned, { code: 0, changed: { length: 0 } })
  })

  await t.test('two runs at once, and a dry run beside a run', async t => {
    p.role('slow', `    await $\`touch /run/slow; ${untilToldTo('slow')}\``)
    p.role('other', "    await file('/run/other', { content: 'x\\n' })")
    const first = p.start('role', 'slow', 'a')
    t.ok(await soon(() => p.holds('a', 'test -e /run/slow')))
    const [second, dry] = await Promise.all([
      p.fmc('role', 'other', 'a:b'),
      p.fmc('role', 'other', 'a:b', '--dry-run'),
    ])
    for (const refused of [second, dry]) {
      t.equal(refused.code, 2)
      t.equal(refused.recap?.exitCode, 2)
      t.match(
        refused.failures['a'],
        new RegExp(
          `another fmc run holds the lock of this host: \\w+@\\S+ pid ${first.pid} since 20\\d\\d-\\d\\d-\\d\\dT\\S+Z \\(role slow a\\) \\(shell pid \\d+\\)`,
        ),
      )
    }
    t.strictSame(second.changed, [], 'nothing is done on the other host either')
    t.notOk(await p.holds('b', 'test -e /run/other'))
    t.ok(await p.holds('a', '! flock -n /run/fmc.lock true'), 'the first is still at work')
    await p.rig.text('a', 'touch /run/go-slow')
    t.match(await first.end, { code: 2 }, 'a command without a guard is not idempotent')
    t.match(await p.fmc('role', 'other', 'a:b'), { code: 0 }, 'then it is free')
    await p.rig.text('a', 'rm /run/other')
    p.role('looking', `    await probe\`touch /run/looking; ${untilToldTo('look')}\``)
    const look = p.start('role', 'looking', 'a', '--dry-run')
    t.ok(await soon(() => p.holds('a', 'test -e /run/looking')))
    const [beside, apply] = await Promise.all([
      p.fmc('role', 'other', 'a', '--dry-run'),
      p.fmc('role', 'other', 'a'),
    ])
    t.match(
      beside,
      { code: 0, changed: ['a file /run/other'] },
      'dry runs do not exclude each other',
    )
    t.equal(apply.code, 2)
    // Both dry runs have signed the lock that they share; the later signature stands.
    t.match(
      apply.failures['a'],
      /holds the lock of this host: .* pid \d+ since .* \(role (looking|other) a, a dry run\)/,
    )
    await p.rig.text('a', 'touch /run/go-look')
    t.match(await look.end, { code: 0 })
    p.role(
      'through',
      `    await on(hosts('b')[0]!, () => $({ creates: '/run/through' })\`touch /run/through; ${untilToldTo('through')}\`)`,
    )
    const through = p.start('role', 'through', 'a')
    t.ok(await soon(() => p.holds('b', 'test -e /run/through')))
    const { failures } = await p.fmc('role', 'other', 'b')
    t.match(
      failures['b'],
      /holds the lock of this host: .* \(role through a\)/,
      'not called a dry run',
    )
    await p.rig.text('b', 'touch /run/go-through')
    t.match(await through.end, { code: 0 })
  })

  await t.test('a local user who holds the lock file keeps no run out', async t => {
    p.role('beside', "    await file('/run/beside', { content: 'x\\n' })")
    for (const mode of ['-s', '-x']) {
      // As the version before left it, with the note of a run that is over.
      await p.rig.text(
        'a',
        `rm -f /run/beside /run/fmc.lock; echo 'gone (shell pid 1)' >/run/fmc.lock; chmod 644 /run/fmc.lock
        setpriv --reuid 65534 --regid 65534 --clear-groups flock ${mode} /run/fmc.lock sleep 300 >/dev/null 2>&1 </dev/null &
        while flock -n -x /run/fmc.lock true; do sleep 0.1; done`,
      )
      const dry = await p.fmc('role', 'beside', 'a', '--dry-run')
      t.match(dry, { code: 0, changed: ['a file /run/beside'] }, `a dry run, ${mode}`)
      t.match(await p.fmc('role', 'beside', 'a'), { code: 0, changed: ['a file /run/beside'] })
      t.equal(await p.rig.text('a', 'stat -c %a:%u /run/fmc.lock; pkill -u 65534 sleep'), '600:0')
    }
    await p.rig.text(
      'a',
      'rm -f /run/beside; flock /run/fmc.lock sleep 300 >/dev/null 2>&1 </dev/null &',
    )
    t.ok(await soon(() => p.holds('a', '! flock -n /run/fmc.lock true')))
    const refused = await p.fmc('role', 'beside', 'a:b')
    t.match(refused.recap, { exitCode: 2, locked: ['a'], undone: { b: 1 } })
    t.match(
      refused.failures['a'],
      /held by process \d+ of root \(flock \/run\/fmc\.lock sleep 300 ?\)/,
    )
    const end = /end it there: (kill [\d ]+)/.exec(refused.failures['a'] ?? '')?.[1] ?? 'false'
    await p.rig.text('a', end)
    t.match(await p.fmc('role', 'beside', 'a:b'), { code: 0 }, 'the hint has ended who held it')
  })

  await t.test('Ctrl-C once finishes the task, twice ends it', async t => {
    const handlers = 'note: () => $`echo noted >>/run/noted`'
    p.role(
      'polite',
      `    await file('/run/p0', { content: 'x\\n', notify: 'note' })
    await $({ creates: '/run/p2' })\`touch /run/p1; ${untilToldTo('polite')}; touch /run/p2\`
    await file('/run/p3', { content: 'x\\n' })`,
      { handlers },
    )
    const once = async (host: Name, interrupt: (running: Running) => void) => {
      const running = p.startWithLab('role', 'polite', host)
      t.ok(await soon(() => p.holds(host, 'test -e /run/p1')))
      interrupt(running)
      t.ok(await soon(() => Promise.resolve(running.text().includes('press Ctrl-C again'))))
      await p.rig.text(host, 'touch /run/go-polite')
      const polite = await running.end
      t.equal(polite.code, 130)
      t.match(polite.stderr, /stopping after the running tasks; press Ctrl-C again to end them/)
      t.match(polite.events.at(-1), { type: 'recap', exitCode: 130, changed: 2, failed: 0 })
      t.ok(await p.holds(host, 'test -e /run/p2'), 'the running task has ended well')
      t.notOk(await p.holds(host, 'test -e /run/p3'), 'and none was begun after it')
    }
    await Promise.all([
      // A terminal sends it to all of its foreground processes, a supervisor to the one that it started.
      once('a', running => running.kill('SIGINT')),
      once('b', running => process.kill(running.pid, 'SIGINT')),
    ])
    const on = await p.fmc('role', 'polite', 'a')
    t.match(on, { code: 0, changed: ['a file /run/p3', 'a handler note'] })

    p.role(
      'stubborn',
      `    await $\`for i in 1 2; do sleep 4321 & done; touch /run/s1; sleep 4321\``,
    )
    p.role('deaf', `    await $\`trap '' TERM INT HUP; touch /run/s2; sleep 4321; sleep 4321\``)
    const twice = async (role: string, host: Name, flag: string, withLab: boolean) => {
      const running = withLab ? p.startWithLab('role', role, host) : p.start('role', role, host)
      t.ok(await soon(() => p.holds(host, `test -e /run/${flag}`)))
      running.kill('SIGINT')
      t.ok(await soon(() => Promise.resolve(running.text().includes('press Ctrl-C again'))))
      const began = performance.now()
      running.kill('SIGINT')
      const ran = await running.end
      const took = Math.round(performance.now() - began)
      t.equal(ran.code, 130, role)
      t.match(ran.events.at(-1), { type: 'recap', exitCode: 130 }, role)
      t.ok(took < 15_000, `${role}: it ended after ${took} ms`)
      t.ok(
        await soon(() => p.holds(host, '! pgrep -f "^sleep 4321"')),
        `${role}: its processes on the host are dead`,
      )
      t.ok(await p.unlocked(host), role)
    }
    await Promise.all([twice('stubborn', 'a', 's1', true), twice('deaf', 'b', 's2', false)])
  })

  await t.test('Ctrl-C twice while a host does not answer', async t => {
    p.role('hang', '    await $`touch /run/hang; sleep 60`')
    const running = p.start('role', 'hang', 'c')
    t.ok(await soon(() => p.holds('c', 'test -e /run/hang')))
    await cut(p.rig.state, 'c')
    running.kill('SIGINT')
    t.ok(await soon(() => Promise.resolve(running.text().includes('press Ctrl-C again'))))
    const began = performance.now()
    running.kill('SIGINT')
    const ran = await running.end
    const took = Math.round(performance.now() - began)
    await heal(p.rig.state, 'c')
    t.equal(ran.code, 130)
    t.ok(took < 10_000, `it ended after ${took} ms`)
    t.match(ran.events.at(-1), { type: 'recap', exitCode: 130 })
  })
})

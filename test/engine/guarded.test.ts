// What `guarded` promises, with the whole engine in this process (hosts.ts). Real timers, cuts and kills: test/faults/guard.test.ts.
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import {
  $,
  absent,
  directory,
  file,
  flush,
  guarded,
  on,
  host,
  hosts as all,
} from '../../lib/index.ts'
import type { GuardOptions } from '../../lib/index.ts'
import { Hosts, one, tasks } from './hosts.ts'

const A = { hosts: 'a' }
const GUARD = '/var/lib/fmc/guard'
const OPTIONS: GuardOptions = {
  files: ['/srv/rules'],
  undo: 'cp /srv/rules /srv/loaded',
  seconds: 5,
}
const rules = (content: string, more: () => Promise<unknown> = () => Promise.resolve()) =>
  tasks(
    () =>
      guarded('rules', OPTIONS, async () => {
        await file('/srv/rules', { content, notify: 'load' })
        await more()
      }),
    { load: () => $`cp /srv/rules /srv/loaded; ls ${GUARD}/rules >>/srv/armed-while-loading` },
  )

/** A host with rules that are loaded. */
const settled = (t: Test) => {
  const hosts = new Hosts(t)
  hosts.write('a', 'srv/rules', 'old')
  hosts.write('a', 'srv/loaded', 'old')
  return hosts
}
/** Nothing of a guard is left: neither copies, nor units. */
const LEFT = `find ${GUARD} /etc/systemd/system /run/units -mindepth 1 ! -type d 2>/dev/null; true`
const left = async (hosts: Hosts) => (await hosts.sh('a', LEFT)).stdout

void t.test('armed before the first change, confirmed over a new connection', async t => {
  const hosts = settled(t)
  const seen: string[] = []
  const r = rules('new', async () => {
    const look = `cat ${GUARD}/rules/*.copy; ls /run/units; stat -c %a ${GUARD}/rules`
    seen.push((await hosts.sh('a', look)).stdout)
  })
  const dry = await hosts.run([one(r, A)], { dryRun: true })
  t.strictSame(dry.changed, ['a file /srv/rules', 'a handler load'])
  t.match(dry.tasks, [
    { task: 'guard rules', status: 'ok' },
    { task: 'file /srv/rules' },
    { task: 'handler load' },
    { task: 'confirm rules', status: 'ok', note: 'will be confirmed over a new connection' },
  ])
  t.strictSame(hosts.connections, ['a'])
  seen.length = 0
  const ran = await hosts.run([one(r, A)])
  t.match(
    ran,
    { code: 0, recap: { unpredicted: 0, unneeded: 0 }, changed: dry.changed },
    ran.failures.join(),
  )
  t.strictSame(
    seen,
    ['', 'oldfmc-guard-rules.timer\n700\n', ''],
    'in the plan, in the run, in the verify pass',
  )
  t.match(ran.tasks.at(-1)?.note, /^confirmed over a new connection in \d+\.\d s$/)
  t.strictSame(hosts.connections, ['a', 'a', 'a'], 'one of them for the confirmation')
  t.match(hosts.read('a', 'srv/armed-while-loading'), /^armed$/m, 'handlers run inside')
  t.equal(hosts.read('a', 'srv/loaded'), 'new')
  t.equal(await left(hosts), '')

  const again = await hosts.run([one(r, A)])
  t.match(again, { code: 0, changed: { length: 0 } })
  t.strictSame(
    again.tasks.map(e => e.task),
    ['guard rules', 'file /srv/rules'],
  )
  t.equal(hosts.connections.length, 4, 'nothing to confirm')
})

void t.test('a confirmation that fails on its way does not count: fmc tries again', async t => {
  const hosts = settled(t)
  // As systemctl does, it refuses to stop a unit that it no longer knows.
  hosts.program(
    'a',
    'systemctl',
    `if [ -e ${GUARD}/rules/confirmed ] && ! [ -e /srv/failed ] && [ "$1" = daemon-reload ]; then : >/srv/failed; exit 1; fi
if [ "$2" = stop ] && ! [ -e "/etc/systemd/system/$3" ]; then echo "Unit $3 not loaded." >&2; exit 5; fi
exec /usr/bin/systemctl "$@"`,
  )
  const ran = await hosts.run([one(rules('new'), A)])
  t.match(ran, { code: 0, recap: { unpredicted: 0, unneeded: 0 } }, ran.failures.join())
  t.equal(hosts.read('a', 'srv/failed'), '')
  t.equal(await left(hosts), '')
})

void t.test(
  'no new connection: the host rolls back by itself, and the next run says so',
  async t => {
    const hosts = settled(t)
    const r = rules('new', async () => {
      await flush()
      if (hosts.read('a', 'srv/loaded') === 'new') hosts.down.add('a')
    })
    const running = hosts.run([one(r, A)])
    // To run the role, and to confirm in vain.
    while (hosts.dialled.length < 2) await sleep(20)
    await hosts.fire('a')
    hosts.down.clear()
    const ran = await running
    t.equal(ran.code, 2)
    t.match(ran.failures, [
      /^a: confirm rules: no new connection was possible \(no answer from a\), so the host has undone at \S+Z because the change armed \S+Z \S+@\S+ pid \d+ was not confirmed; it answers again after \d+\.\d s$/,
    ])
    t.equal(hosts.read('a', 'srv/rules'), 'old')
    t.equal(hosts.read('a', 'srv/loaded'), 'old')

    const good = rules('good')
    const dry = await hosts.run([one(good, A)], { dryRun: true })
    t.match(dry.tasks[0], {
      task: 'guard rules',
      status: 'changed',
      changes: [{ what: /^undone at .* was not confirmed/ }],
    })
    const next = await hosts.run([one(good, A)])
    t.match(next, { code: 0, recap: { unpredicted: 0, unneeded: 0 }, changed: dry.changed })
    t.equal(hosts.read('a', 'srv/loaded'), 'good')
    t.equal(await left(hosts), '')
  },
)

void t.test('a body that fails is undone at once', async t => {
  const hosts = settled(t)
  hosts.write('a', 'srv/dir/in', 'old')
  await hosts.sh('a', 'chmod 0640 /srv/dir/in; chown 7:7 /srv/dir/in; ln -s /nowhere /srv/link')
  const r = tasks(() =>
    guarded(
      'many',
      { files: ['/srv/dir', '/srv/link', '/srv/made', '/srv/tree'], seconds: 5 },
      async () => {
        await file('/srv/dir/in', { content: 'new' })
        await file('/srv/dir/more', { content: 'x' })
        await absent('/srv/link')
        await file('/srv/made', { content: 'x' })
        await directory('/srv/tree')
        await file('/srv/tree/leaf', { content: 'x' })
        await $`echo no such rule >&2; exit 3`
      },
    ),
  )
  const ran = await hosts.run([one(r, A)])
  t.equal(ran.code, 2)
  t.match(ran.failures, [/: no such rule \(exit code 3\)$/])
  t.match(ran.tasks.at(-1), {
    task: 'undo many',
    status: 'ok',
    note: 'the host is as it was before',
  })
  const { stdout } = await hosts.sh(
    'a',
    'cd /srv; find . -mindepth 1 -printf "%P %m %U %l\\n" | sort; cat dir/in',
  )
  t.equal(
    stdout
      .trim()
      .split('\n')
      .filter(l => !/^(rules|loaded)/.test(l))
      .join('\n'),
    ['dir 755 0 ', 'dir/in 640 7 ', 'link 777 0 /nowhere', 'old'].join('\n'),
  )
  t.equal(await left(hosts), '')
})

void t.test('a change that fails its validation leaves nothing to undo', async t => {
  const hosts = settled(t)
  const refused = tasks(() =>
    guarded('rules', OPTIONS, () =>
      file('/srv/rules', { content: 'bad', validate: () => 'false' }),
    ),
  )
  const ran = await hosts.run([one(refused, A)])
  t.match(ran, { code: 2, failures: [/validation failed/] })
  t.match(ran.tasks.at(-1), { task: 'undo rules', note: 'nothing was changed' })
  t.equal(hosts.read('a', 'srv/rules'), 'old')
  t.equal(await left(hosts), '')
})

/** A run that dies after the first change, before any confirmation. */
async function killed(hosts: Hosts, content: string): Promise<void> {
  const [stop, kill] = [new AbortController(), new AbortController()]
  let go: () => void = () => undefined
  const there = new Promise<void>(resolve => (go = resolve))
  const r = rules(content, async () => {
    if (hosts.read('a', 'srv/rules') !== content) return
    go()
    await new Promise(() => undefined)
  })
  const running = hosts.run([one(r, A)], { stop: stop.signal, kill: kill.signal })
  await there
  stop.abort()
  kill.abort()
  await running
}

void t.test('a run that is killed between a change and the confirmation', async t => {
  await t.test('and run again in time: taken over with the good copies, and confirmed', async t => {
    const hosts = settled(t)
    await killed(hosts, 'new')
    t.equal(hosts.read('a', 'srv/rules'), 'new')
    const r = rules('new')
    const dry = await hosts.run([one(r, A)], { dryRun: true })
    t.match(dry.tasks[0]?.changes, [
      { what: /^take over the unconfirmed change armed \S+Z \S+@\S+ pid \d+$/ },
    ])
    t.match(dry.tasks.at(-1)?.note, 'will be confirmed over a new connection')
    await killed(hosts, 'newer')
    await hosts.fire('a')
    t.equal(hosts.read('a', 'srv/rules'), 'old', 'of the state before the first of them')
  })
  await t.test('the second run only confirms', async t => {
    const hosts = settled(t)
    await killed(hosts, 'new')
    const ran = await hosts.run([one(rules('new'), A)])
    t.match(ran, { code: 0, recap: { unpredicted: 0, unneeded: 0 } }, ran.failures.join())
    t.equal(hosts.read('a', 'srv/rules'), 'new')
    t.equal(await left(hosts), '')
    await hosts.fire('a')
    t.equal(hosts.read('a', 'srv/rules'), 'new')
  })
  await t.test('and the timer fires', async t => {
    const hosts = settled(t)
    await killed(hosts, 'new')
    await hosts.fire('a')
    t.equal(hosts.read('a', 'srv/rules'), 'old')
    t.equal(hosts.read('a', 'srv/loaded'), 'old')
    t.equal(await left(hosts), `${GUARD}/rules/undone\n`, 'only the mark is left')
    const ran = await hosts.run([one(rules('new'), A)])
    t.match(ran.tasks[0]?.changes, [{ what: /^undone at / }])
    t.match(ran, { code: 0, recap: { unpredicted: 0, unneeded: 0 } })
  })
  await t.test('power fails in the middle of the undo, or of the confirmation', async t => {
    const hosts = settled(t)
    await killed(hosts, 'new')
    await hosts.sh('a', `cd ${GUARD}/rules; mv armed undoing; rm /srv/rules`)
    await hosts.fire('a')
    t.equal(hosts.read('a', 'srv/rules'), 'old')
    await hosts.sh('a', `rm -r ${GUARD}`)
    await killed(hosts, 'new')
    await hosts.sh('a', `cd ${GUARD}/rules; mv armed confirmed`)
    await hosts.fire('a')
    t.equal(hosts.read('a', 'srv/rules'), 'new')
    t.equal(await left(hosts), '')
  })
})

void t.test('what an interrupted confirmation has left is removed by the next run', async t => {
  for (const interrupted of ['mv armed confirmed', 'rm armed undo']) {
    const hosts = settled(t)
    await killed(hosts, 'new')
    // The run that was killed had loaded the rules.
    await hosts.sh('a', `cp /srv/rules /srv/loaded; rm -r /var/lib/fmc/pending`)
    await hosts.sh('a', `cd ${GUARD}/rules && ${interrupted}`)
    const r = rules('new')
    const dry = await hosts.run([one(r, A)], { dryRun: true })
    t.strictSame(dry.changed, ['a guard rules'], interrupted)
    t.match(dry.tasks[0]?.changes, [{ what: 'remove what an interrupted run has left' }])
    const ran = await hosts.run([one(r, A)])
    t.match(ran, { code: 0, changed: dry.changed, recap: { unpredicted: 0, unneeded: 0 } })
    t.equal(await left(hosts), '')
    t.equal(hosts.read('a', 'srv/rules'), 'new')
  }
})

void t.test('an undo waits for a change that a lost connection has left running', async t => {
  const hosts = settled(t)
  await killed(hosts, 'new')
  const late = hosts.sh(
    'a',
    `exec 7<${GUARD}/rules/lock; flock -s 7; echo >/srv/begun; sleep 1; printf late >/srv/rules`,
  )
  while (hosts.read('a', 'srv/begun') === undefined) await sleep(20)
  await hosts.fire('a')
  await late
  t.equal(hosts.read('a', 'srv/rules'), 'old')
})

void t.test('a guard that was armed without its unit is taken back at once', async t => {
  const hosts = settled(t)
  const unit = '/etc/systemd/system/fmc-guard-rules.service'
  await hosts.sh('a', `mkdir -p ${unit}`)
  const ran = await hosts.run([one(rules('new'), A)])
  t.equal(ran.code, 2)
  t.match(ran.tasks.at(-1), { task: 'undo rules', note: 'the host is as it was before' })
  t.equal(hosts.read('a', 'srv/rules'), 'old')
  t.equal(await left(hosts), '')
})

void t.test('Ctrl-C inside the body', async t => {
  const hosts = settled(t)
  const stop = new AbortController()
  const r = rules('new', async () => {
    if (hosts.read('a', 'srv/rules') === 'new') stop.abort()
    await file('/srv/more', { content: 'x' })
  })
  await hosts.run([one(r, A)], { stop: stop.signal })
  t.equal(hosts.read('a', 'srv/rules'), 'old')
  t.equal(hosts.read('a', 'srv/more'), undefined)
  t.equal(await left(hosts), '')
})

void t.test('the guard fires while the body still works', async t => {
  const hosts = settled(t)
  const r = rules('new', async () => {
    if (hosts.read('a', 'srv/rules') === 'new') await hosts.fire('a')
    await file('/srv/more', { content: 'x' })
  })
  const ran = await hosts.run([one(r, A)])
  t.match(ran.failures, [/the guard rules has fired: its changes have been undone/])
  t.equal(hosts.read('a', 'srv/more'), undefined, 'nothing is changed without a guard')
  t.equal(hosts.read('a', 'srv/rules'), 'old')
})

void t.test('it cannot be armed: nothing is changed', async t => {
  const hosts = settled(t)
  const r = tasks(() =>
    guarded('rules', { ...OPTIONS, save: 'echo no disk >&2; exit 5' }, () =>
      file('/srv/rules', { content: 'new' }),
    ),
  )
  const ran = await hosts.run([one(r, A)])
  t.match(ran, { code: 2, failures: [/: no disk \(exit code 5\)$/] })
  t.equal(hosts.read('a', 'srv/rules'), 'old')
})

void t.test('what `save` keeps is there for `undo`; one that fails is told', async t => {
  const hosts = settled(t)
  const r = (undo: string) =>
    tasks(() =>
      guarded(
        'saved',
        { save: 'cat /srv/loaded >was', undo, seconds: 5 },
        () => $`echo new >/srv/loaded; exit 1`,
      ),
    )
  await hosts.run([one(r('cat was >/srv/loaded'), A)])
  t.equal(hosts.read('a', 'srv/loaded'), 'old')
  const ran = await hosts.run([one(r('exit 7'), A)])
  t.match(ran.failures, [/exit code 1/, /undo saved: .* its undo failed with code 7/])
})

void t.test('nested guards, and a task on another host', async t => {
  const hosts = settled(t)
  const r = tasks(() =>
    guarded('outer', { files: ['/srv/rules'], seconds: 5 }, async () => {
      await guarded('inner', { files: ['/srv/loaded'], seconds: 5 }, async () => {
        await file('/srv/loaded', { content: 'inner' })
      })
      for (const other of all('b'))
        await on(other, () => file(`/srv/of-${host().name}`, { content: 'x' }))
      await file('/srv/rules', { content: 'outer' })
      await $`exit 1`
    }),
  )
  const ran = await hosts.run([one(r, A)])
  t.equal(ran.code, 2)
  t.equal(hosts.read('a', 'srv/rules'), 'old')
  t.equal(hosts.read('a', 'srv/loaded'), 'inner', 'it was confirmed by itself')
  t.equal(hosts.read('b', 'srv/of-b'), 'x', 'other hosts are not guarded')
  t.equal(await left(hosts), '')
})

void t.test('bad options', async t => {
  const hosts = settled(t)
  for (const [name, options, message] of [
    ['No Name', {}, /"No Name" is not a guard's name/],
    ['x', { seconds: 1 }, /seconds must be between 5 and 3600/],
    ['x', { files: ['srv'] }, /"srv" is not an absolute path/],
  ] as const)
    t.match(
      (
        await hosts.run(
          [
            one(
              tasks(() => guarded(name, options, flush)),
              A,
            ),
          ],
          { dryRun: true },
        )
      ).failures,
      [message],
    )
})

// What a run that does not come to its end says of each host (hosts.ts).
import t from 'tap'
import { $, file, hosts as matching, on } from '../../lib/index.ts'
import { closing } from '../../lib/report/closing.ts'
import { recapTable } from '../../lib/report/recap.ts'
import { noColor } from '../../lib/report/style.ts'
import { Hosts, one, tasks, type Ran } from './hosts.ts'

const says = ({ recap }: Ran): string[] => [
  ...recapTable(recap, noColor, { fold: true, columns: 79 }),
  ...closing(recap, noColor).map(line => line.replace(/in [\d.]+ s/, 'in N s')),
]

/** Writes /srv/mark; on some hosts that fails, and only in the apply pass. */
const failingOn = (...bad: string[]) =>
  tasks(async host => {
    await file('/srv/first', { content: 'x' })
    await file('/srv/mark', { content: 'x', validate: () => (bad.includes(host) ? 'false' : '') })
    await file('/srv/last', { content: 'x' })
  })

void t.test('a rolling play fails in the middle of several', async t => {
  const hosts = new Hosts(t)
  hosts.down.add('d')
  const before = tasks(() => file('/srv/before', { content: 'x' }))
  const after = tasks(() => file('/srv/after', { content: 'x' }))
  const ran = await hosts.run([
    one(before, { name: 'Before', hosts: 'a:b' }),
    one(failingOn('b'), { name: 'Middle', hosts: 'a:b:c', serial: 1 }),
    one(after, { name: 'After' }),
  ])
  t.match(ran, { code: 2 })
  t.strictSame(ran.recap.stoppedBy, 'Middle')
  t.strictSame(ran.recap.notReached, { a: ['After'], c: ['Middle', 'After'] })
  // b: its failed task and the two after it. d: nothing is known.
  t.strictSame(ran.recap.undone, { a: 1, b: 3, c: 4 })
  t.strictSame(
    says(ran),
    [
      'a : ok=0   changed=4   failed=0   unreachable=0   undone=1 not reached: After',
      'b : ok=0   changed=2   failed=1   unreachable=0   undone=3',
      'd : ok=0   changed=0   failed=0   unreachable=1',
      '1 host not reached: c (undone=4)',
      'Changed 6 on 2 of 4 hosts, unpredicted 0, in N s.',
      '1 task failed, 1 host unreachable, 2 hosts not reached because the play Middle failed.',
      '8 planned changes not made: a 1, b 3, c 4.',
    ].map(line => line.replaceAll('ok=0   ', '')),
  )

  hosts.down.clear()
  const again = await hosts.run([
    one(before, { name: 'Before', hosts: 'a:b' }),
    one(failingOn(), { name: 'Middle', hosts: 'a:b:c', serial: 1 }),
    one(after, { name: 'After' }),
  ])
  t.match(again, { code: 0 }, again.failures.join('\n'))
  for (const key of ['notReached', 'undone', 'stoppedBy', 'next'])
    t.notOk(key in again.recap, `a run that came to its end has no ${key}`)
})

void t.test('a play that fails on one host and lets the others go on', async t => {
  const hosts = new Hosts(t)
  const ran = await hosts.run([
    one(failingOn('b'), { name: 'One' }),
    one(
      tasks(() => file('/srv/after', { content: 'x' })),
      { name: 'Two' },
    ),
  ])
  t.notOk('notReached' in ran.recap, 'b has failed: that says it')
  t.strictSame(ran.recap.undone, { b: 3 })
  t.notOk('stoppedBy' in ran.recap)
  t.match(ran.recap.hosts, { a: { changed: 4 }, b: { changed: 1, failed: 1 } })
  t.strictSame(
    ran.changed.filter(task => task.startsWith('b ')),
    ['b file /srv/first'],
    'what the failed host was to do in the second play is not told as done',
  )
})

void t.test('Ctrl-C', async t => {
  const hosts = new Hosts(t)
  const stop = new AbortController()
  const first = tasks(async host => {
    await file('/srv/one', { content: 'x' })
    if (host === 'a' && hosts.read('a', 'srv/one') !== undefined) stop.abort()
    await file('/srv/two', { content: 'x' })
  })
  const plays = [
    one(first, { name: 'One', hosts: 'a' }),
    one(
      tasks(() => file('/srv/x', { content: 'x' })),
      { name: 'Two', hosts: 'a:b' },
    ),
  ]
  const ran = await hosts.run(plays, { stop: stop.signal })
  t.equal(ran.code, 130)
  t.strictSame(ran.recap.notReached, { a: ['One', 'Two'], b: ['Two'] })
  t.strictSame(ran.recap.undone, { a: 2, b: 1 }, '/srv/one is made')
})

void t.test('Ctrl-C in a dry run: hosts without a prediction are not ok', async t => {
  const hosts = new Hosts(t)
  const stop = new AbortController()
  const r = tasks(async host => {
    await file('/srv/one', { content: 'x' })
    if (host === 'b') stop.abort()
    await file('/srv/two', { content: 'x' })
  })
  const ran = await hosts.run([one(r, { name: 'One' })], {
    dryRun: true,
    forks: 1,
    stop: stop.signal,
  })
  t.equal(ran.code, 130)
  t.strictSame(ran.recap.notReached, { b: ['One'], c: ['One'], d: ['One'] })
  t.notOk('undone' in ran.recap, 'a dry run makes nothing')
})

void t.test('a task on another host counts for the host whose role runs it', async t => {
  const hosts = new Hosts(t)
  const r = tasks(async host => {
    await file('/srv/mine', { content: 'x' })
    for (const other of matching('c:d'))
      await on(other, async () => {
        await file(`/srv/from-${host}`, { content: 'x' })
        if (other.name === 'd' && host === 'b') await $`echo no room >&2; false`
      })
  })
  const play = one(r, { name: 'Web', hosts: 'a:b' })
  const dry = await hosts.run([play], { dryRun: true })
  t.strictSame(Object.keys(dry.recap.hosts), ['a', 'b'])
  t.match(dry.recap.hosts, { a: { changed: 3 }, b: { changed: 4 } })

  const ran = await hosts.run([play])
  t.strictSame(Object.keys(ran.recap.hosts), ['a', 'b'])
  t.match(ran.recap.hosts, { a: { changed: 3 }, b: { changed: 3, failed: 1 } })
  t.strictSame(ran.recap.undone, { b: 1 })
  t.strictSame(
    ran.tasks.filter(e => e.delegatedBy === 'b').map(e => `${e.host} ${e.task} ${e.status}`),
    [
      'c file /srv/from-b changed',
      'd file /srv/from-b changed',
      'd $ echo no room >&2; false failed',
    ],
  )
  t.ok(
    ran.tasks.filter(e => e.host === 'a' || e.host === 'b').every(e => !('delegatedBy' in e)),
    'a task on the role’s own host is no delegated one',
  )
  t.match(closing(ran.recap, noColor)[0], /^Changed 6 on 2 hosts, /)
})

void t.test('how much is planned, and what', async t => {
  const hosts = new Hosts(t)
  hosts.write('b', 'srv/one', 'x')
  await hosts.sh('b', 'chmod 644 /srv/one; chown 0:0 /srv/one')
  const r = tasks(() => file('/srv/one', { content: 'x' }))
  const ran = await hosts.run([
    one(r, { name: 'Web', serial: 2 }),
    one(
      tasks(() => file('/srv/two', { content: 'x' })),
      { name: 'Data', hosts: 'd' },
    ),
  ])
  t.equal(ran.code, 0, ran.failures.join('\n'))
  t.match(
    ran.events.find(e => e.type === 'pass' && e.pass === 'apply'),
    { planned: 4 },
  )
  const planned = ran.events.filter(e => e.type === 'planned')
  t.match(planned, [
    {
      ...{
        play: 'Web',
        stage: 0,
        batches: [
          ['a', 'b'],
          ['c', 'd'],
        ],
        forks: 10,
      },
      tasks: ['a', 'c', 'd'].map(host => ({ host, task: 'file /srv/one' })),
    },
    { play: 'Data', stage: 1, batches: [['d']], tasks: [{ host: 'd' }] },
  ])
})

void t.test('a failure in the plan of a play that the run does not come to is told', async t => {
  const hosts = new Hosts(t)
  const sick = tasks(() => file('/nowhere/x', { content: 'x' }))
  const ran = await hosts.run([
    one(failingOn('a'), { name: 'First', hosts: 'a', serial: 1 }),
    one(sick, { name: 'Second', hosts: 'b' }),
  ])
  t.match(ran.failures.toSorted(), [/^a: .*validation failed/, /^b: .*\/nowhere does not exist/])
  t.match(ran.recap, { failed: 2, hosts: { b: { failed: 1 } } })
  t.notOk('notReached' in ran.recap)
})

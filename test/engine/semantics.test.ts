// What plays and roles may rely on, with the whole engine in this process (hosts.ts).
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import {
  $,
  file,
  flush,
  gate,
  hosts as matching,
  on,
  probe,
  role,
  together,
  z,
  type Invariant,
} from '../../lib/index.ts'
import { Hosts, one, tasks } from './hosts.ts'

/** What each host has in /srv/order, in order of time: the batches in which hosts were worked on. */
const mark = (log: string[]) =>
  tasks(async host => {
    if ((await file('/srv/mark', { content: 'x' })).changed) log.push(host)
  })

const done = (hosts: Hosts) =>
  ['a', 'b', 'c', 'd'].filter(h => hosts.read(h, 'srv/mark') !== undefined)

/** Writes /srv/mark; on some hosts that fails, and only in the apply pass. */
const failingOn = (...bad: string[]) =>
  tasks(host =>
    file('/srv/mark', { content: 'x', validate: () => (bad.includes(host) ? 'false' : 'true') }),
  )

void t.test('serial', async t => {
  await t.test('batches come one after another, the next only when the last is done', async t => {
    const hosts = new Hosts(t)
    const at: string[] = []
    const r = tasks(async host => {
      await $({ creates: '/srv/mark' })`touch /srv/mark`
      at.push(`${host}: ${done(hosts).join('')}`)
    })
    const ran = await hosts.run([one(r, { serial: [1, '50%'] })])
    t.equal(ran.code, 0, ran.failures.join('\n'))
    // In the plan no host is done, in the verify pass all are; between them comes the apply pass.
    t.strictSame(at.slice(4, 5), ['a: a'])
    t.match(at.slice(5, 7).sort().join(), /^b: ab?c?,c: ab?c?$/)
    t.strictSame(at.slice(7, 8), ['d: abcd'])
  })

  await t.test('a failure stops the play and the run', async t => {
    const hosts = new Hosts(t)
    const later = tasks(() => file('/srv/later', { content: 'x' }))
    const ran = await hosts.run([one(failingOn('b'), { serial: 1 }), one(later)])
    t.equal(ran.code, 2)
    t.strictSame(done(hosts), ['a'])
    t.match(ran.failures, [/^b: .*validation failed/])
    t.equal(ran.failures.length, 1, 'tasks that a host did not come to are not failures')
    t.match(ran.notes, [/stopped after b; the hosts after it were not touched/])
    t.equal(hosts.read('a', 'srv/later'), undefined)
  })

  await t.test('maxFail counts failures, before the play and in it', async t => {
    const endured = new Hosts(t)
    t.equal((await endured.run([one(failingOn('b'), { serial: 1, maxFail: 1 })])).code, 2)
    t.strictSame(done(endured), ['a', 'c', 'd'])

    const dead = new Hosts(t)
    dead.down.add('a')
    const none = await dead.run([one(failingOn(), { serial: 1 })])
    t.match(none, { code: 4, notes: [/not started, because a failed or could not be reached/] })
    t.strictSame(done(dead), [])
    t.equal((await dead.run([one(failingOn('c'), { serial: 1, maxFail: 1 })])).code, 2)
    t.strictSame(done(dead), ['b'], 'a is down and c fails: two are too many')
    t.equal((await dead.run([one(failingOn(), { serial: 1, maxFail: 1 })])).code, 4)
    t.strictSame(done(dead), ['b', 'c', 'd'])
  })

  await t.test('a failure of all hosts in the plan stops the run, too', async t => {
    const hosts = new Hosts(t)
    const sick = tasks(() => file('/srv/x', { content: 'x', notify: 'nobody' }))
    const later = tasks(() => file('/srv/mark', { content: 'x' }))
    const ran = await hosts.run([
      one(sick, { hosts: 'a:b', serial: 1 }),
      one(later, { hosts: 'c:d' }),
    ])
    t.match(ran, { code: 2, notes: [/not started, because a, b failed/] })
    t.strictSame(done(hosts), [])
  })

  await t.test('without serial the hosts do not wait for each other', async t => {
    const hosts = new Hosts(t)
    const ran = await hosts.run([one(failingOn('b'))])
    t.match(ran, { code: 2, notes: { length: 0 }, recap: { failed: 1, changed: 3 } })
    t.strictSame(done(hosts), ['a', 'c', 'd'])
  })
})

void t.test('order: the lowest rank first, asked on the host itself', async t => {
  const hosts = new Hosts(t)
  for (const [host, rank] of [
    ['a', '3'],
    ['b', '1'],
    ['c', '2'],
    ['d', '0'],
  ] as const)
    hosts.write(host, 'srv/rank', rank)
  const log: string[] = []
  const order = async () => Number((await probe`cat /srv/rank`).stdout)
  t.equal((await hosts.run([one(mark(log), { serial: 1, order })])).code, 0)
  t.strictSame(log.slice(4), ['d', 'b', 'c', 'a'])
})

void t.test('an order that changes its host is refused, and nothing is changed', async t => {
  const hosts = new Hosts(t)
  const order = async () => ((await file('/srv/ranked', { content: 'x' })).changed ? 1 : 0)
  const marks = tasks(() => file('/srv/mark', { content: 'x' }))
  const ran = await hosts.run([one(marks, { serial: 1, order })])
  t.equal(ran.code, 2)
  t.match(ran.failures, [/can only read: use probe/])
  t.strictSame(done(hosts), [])
})

void t.test('invariant', async t => {
  const invariant = (asked: string[], check: Invariant['check'], seconds: number): Invariant => ({
    name: 'quorum',
    timeoutSeconds: seconds,
    check: (when, batch) => (asked.push(`${when} ${batch.join('')}`), check(when, batch)),
  })
  const play = (asked: string[], check: Invariant['check'], seconds = 60) =>
    one(
      tasks(() => file('/srv/mark', { content: 'x' })),
      { serial: 2, invariant: invariant(asked, check, seconds) },
    )

  await t.test(
    'is asked before and after each batch, and not at all when there is nothing to do',
    async t => {
      const hosts = new Hosts(t)
      const asked: string[] = []
      const p = play(asked, () => Promise.resolve(true))
      t.equal((await hosts.run([p], { dryRun: true })).code, 0)
      t.strictSame(asked, [])
      t.equal((await hosts.run([p])).code, 0)
      t.strictSame(asked, ['before ab', 'after ab', 'before cd', 'after cd'])
      t.equal((await hosts.run([p])).code, 0)
      t.equal(asked.length, 4)
    },
  )

  await t.test('broken before: nothing is touched', async t => {
    const hosts = new Hosts(t)
    const ran = await hosts.run([play([], () => Promise.resolve('two of three'))])
    t.match(ran, { code: 2, failures: [/^a: invariant quorum before a, b: two of three$/] })
    t.strictSame(done(hosts), [])
  })

  await t.test('broken after a batch: fmc asks again for a while, then the run stops', async t => {
    const hosts = new Hosts(t)
    const asked: string[] = []
    const ran = await hosts.run([play(asked, when => Promise.resolve(when === 'before'), 1)])
    t.match(ran, { code: 2, failures: [/^a: invariant quorum after a, b: it does not hold$/] })
    t.strictSame(done(hosts), ['a', 'b'])
    t.ok(asked.length > 2)
  })

  await t.test('asks hosts and not memory, and other hosts by on()', async t => {
    const hosts = new Hosts(t)
    let told = 0
    const marked = async () => {
      const found: string[] = []
      for (const h of matching('all'))
        await on(h, async () => {
          if ((await probe`test -e /srv/mark`).ok) found.push(h.name)
        })
      return found.join('')
    }
    const ran = await hosts.run([
      play([], async (when, batch) => {
        const found = await marked()
        if (when === 'after' && ++told === 1) hosts.write('d', 'srv/mark', 'x')
        return when === 'before'
          ? found === (batch[0] === 'a' ? '' : 'abd')
          : found.includes('d') || found
      }),
    ])
    t.equal(ran.code, 0, ran.failures.join('\n'))
  })
})

void t.test('plays in together run at the same time', async t => {
  const hosts = new Hosts(t)
  const wait = (mine: string, other: string) =>
    tasks(async () => {
      await $({ creates: `/srv/${mine}` })`touch /srv/${mine}`
      await gate(
        'the other play is at work',
        () => Promise.resolve(hosts.read(mine === 'x' ? 'b' : 'a', `srv/${other}`) !== undefined),
        { everySeconds: 0.05, timeoutSeconds: 60 },
      )
    })
  const ran = await hosts.run([
    together(one(wait('x', 'y'), { hosts: 'a' }), one(wait('y', 'x'), { hosts: 'b' })),
  ])
  t.equal(ran.code, 0, ran.failures.join('\n'))
})

void t.test(
  'plays in together with a host in common run one after another, beside the others',
  async t => {
    const hosts = new Hosts(t)
    const log: string[] = []
    const step = (name: string, until = '') =>
      tasks(async host => {
        await $({ creates: `/srv/${name}` })`touch /srv/${name}`
        log.push(`${host} begins ${name}`)
        if (until !== '')
          await gate('the other play has begun', () => Promise.resolve(log.includes(until)), {
            everySeconds: 0.05,
            timeoutSeconds: 60,
          })
        log.push(`${host} ends ${name}`)
      })
    const ran = await hosts.run([
      together(
        one(step('first', 'c begins beside'), { hosts: 'a:b' }),
        one(step('beside', 'b begins first'), { hosts: 'c' }),
        one(step('second'), { hosts: 'b:d' }),
      ),
    ])
    t.equal(ran.code, 0, ran.failures.join('\n'))
    const at = (entry: string) => log.lastIndexOf(entry)
    t.ok(at('b ends first') < at('b begins second'), log.join(', '))
  },
)

void t.test('servesNothing: those hosts at once, then the others, serial at a time', async t => {
  const hosts = new Hosts(t)
  for (const [host, rank] of [
    ['a', '3'],
    ['b', '1'],
    ['c', '2'],
    ['d', '0'],
  ] as const)
    hosts.write(host, 'srv/rank', rank)
  for (const host of ['a', 'd']) hosts.write(host, 'srv/serves', '')
  const servesNothing = async () => !(await probe`test -e /srv/serves`).ok
  const order = async () => Number((await probe`cat /srv/rank`).stdout)
  const asked: string[] = []
  const invariant: Invariant = {
    name: 'quorum',
    check: (when, batch) => (asked.push(`${when} ${batch.join('')}`), Promise.resolve(true)),
  }
  const rolled = one(mark([]), { serial: 1, servesNothing, order, invariant })
  const ran = await hosts.run([rolled])
  t.equal(ran.code, 0, ran.failures.join('\n'))
  t.strictSame(asked, ['before bc', 'after bc', 'before d', 'after d', 'before a', 'after a'])
  const planned = ran.events.flatMap(e => (e.type === 'planned' ? [e.batches] : []))
  t.strictSame(planned.at(-1), [['b', 'c'], ['d'], ['a']], 'the estimate knows the real batches')

  const bad = new Hosts(t)
  for (const host of ['a', 'd']) bad.write(host, 'srv/serves', '')
  const stopped = await bad.run([one(failingOn('b'), { serial: 1, servesNothing })])
  t.equal(stopped.code, 2)
  t.strictSame(done(bad), ['c'], 'a host that serves is not touched after a failure')
})

void t.test('a later play is planned again with what the earlier ones made', async t => {
  const hosts = new Hosts(t)
  const first = tasks(() => file('/srv/token', { content: 'secret' }))
  const second = tasks(async () => {
    const [a] = matching('a')
    let token = ''
    if (a) await on(a, async () => void (token = (await probe`cat /srv/token`).stdout))
    await file('/srv/join', { content: token })
  })
  const ran = await hosts.run([one(first, { hosts: 'a' }), one(second, { hosts: 'b' })])
  t.match(ran, { code: 0, recap: { unpredicted: 0, unneeded: 0 } }, ran.failures.join('\n'))
  t.equal(hosts.read('b', 'srv/join'), 'secret')
})

void t.test('on: another host’s tasks and handlers are its own', async t => {
  const hosts = new Hosts(t)
  const r = tasks(
    async host => {
      await file('/srv/here', { content: host })
      for (const b of matching('b'))
        await on(b, () => file('/srv/there', { content: host, notify: 'tell' }))
    },
    { tell: () => $`echo told >>/srv/told` },
  )
  const wanted = ['a file /srv/here', 'b file /srv/there', 'b handler tell']
  t.strictSame((await hosts.run([one(r, { hosts: 'a' })], { dryRun: true })).changed, wanted)
  const ran = await hosts.run([one(r, { hosts: 'a' })])
  t.match(ran, { code: 0, changed: wanted }, ran.failures.join('\n'))
  t.equal(hosts.read('b', 'srv/told'), 'told\n')
  t.equal(hosts.read('a', 'srv/told'), undefined)

  hosts.down.add('b')
  t.match(await hosts.run([one(r, { hosts: 'a' })]), { failures: [/^a: .*no answer from b/] })
})

void t.test('the plan finds a missing await, and nothing is written', async t => {
  const cases: Record<string, () => Promise<unknown>> = {
    'the last task': () => (void file('/srv/x', { content: 'x' }), Promise.resolve()),
    'a task before another': async () => {
      void file('/srv/x', { content: 'x' }).catch(() => undefined)
      await file('/srv/y', { content: 'y' })
    },
    'two tasks at once': () =>
      Promise.all([file('/srv/x', { content: 'x' }), file('/srv/y', { content: 'y' })]),
  }
  for (const [name, body] of Object.entries(cases)) {
    const hosts = new Hosts(t)
    const ran = await hosts.run([one(tasks(body), { hosts: 'a' })])
    t.match(ran, { code: 2, failures: [/not awaited: file \/srv\/x/] }, name)
    t.equal(hosts.read('a', 'srv/x'), undefined)
    t.equal(hosts.read('a', 'srv/y'), undefined)
  }
  const hosts = new Hosts(t)
  let late: Promise<unknown> = Promise.resolve()
  const after = tasks(() => {
    late = sleep(50).then(() => file('/srv/x', { content: 'x' }))
    return gate('it takes a while', () => sleep(20).then(() => true))
  })
  await hosts.run([one(after, { hosts: 'a' })])
  await t.rejects(late, {
    message:
      /file \/srv\/x \(.*semantics\.test\.ts:\d+\) was started after the role role-\d+ had ended/,
  })
  t.equal(hosts.read('a', 'srv/x'), undefined)

  const stray = tasks(async () => {
    void sleep(1).then(() => Promise.reject(new Error('unheard')))
    await gate('it takes a while', () => sleep(100).then(() => true))
  })
  t.match(await hosts.run([one(stray, { hosts: 'a' })]), {
    code: 2,
    recap: { exitCode: 2 },
    failures: [
      /^a: the role role-\d+ did not await something that failed: unheard \(.*semantics\.test\.ts:\d+\)/,
    ],
    notes: [/nothing was changed on any host/],
  })
})

void t.test('a command without a guard is not idempotent', async t => {
  const ran = await new Hosts(t).run([
    one(
      tasks(() => $`touch /srv/x`),
      { hosts: 'a' },
    ),
  ])
  t.match(ran, { code: 2, failures: [/^a: \$ touch \/srv\/x: not idempotent/] })
})

void t.test('handlers', async t => {
  const log = (text: string) => () => $`echo ${text} >>/srv/log`
  await t.test('an unknown handler fails in the plan, even if there is nothing to do', async t => {
    const hosts = new Hosts(t)
    hosts.write('a', 'srv/x', 'x')
    const r = tasks(
      async () => {
        await file('/srv/first', { content: 'x' })
        await file('/srv/x', { content: 'x', notify: 'toString' })
      },
      { real: log('real') },
    )
    const ran = await hosts.run([one(r, { hosts: 'a' })])
    t.match(ran, { code: 2, failures: [/has no handler "toString"/] })
    t.equal(hosts.read('a', 'srv/first'), undefined)
  })

  await t.test('run once, in the order of the role, at its end or at flush()', async t => {
    const hosts = new Hosts(t)
    const r = tasks(
      async () => {
        await file('/srv/x', { content: 'x', notify: 'early' })
        await flush()
        await $({ creates: '/srv/y' })`cp /srv/log /srv/y`
        await file('/srv/z', { content: 'z', notify: ['last', 'first'] })
        await file('/srv/zz', { content: 'z', notify: 'last' })
      },
      { first: log('first'), last: log('last'), early: log('early'), never: log('never') },
    )
    const planned = await hosts.run([one(r, { hosts: 'a' })], { dryRun: true })
    const ran = await hosts.run([one(r, { hosts: 'a' })])
    t.strictSame(ran.changed, planned.changed)
    t.match(ran, { code: 0, recap: { unpredicted: 0, unneeded: 0 } })
    t.equal(hosts.read('a', 'srv/log'), 'early\nfirst\nlast\n')
    t.equal(hosts.read('a', 'srv/y'), 'early\n')
  })

  await t.test(
    'a handler that has failed stays pending, and runs although nothing changes',
    async t => {
      const hosts = new Hosts(t)
      const r = role({
        name: 'debtor',
        summary: '',
        vars: z.object({}),
        async tasks() {
          await file('/srv/x', { content: 'x', notify: 'pay' })
        },
        handlers: { pay: () => $`test -e /srv/money && echo paid >>/srv/log` },
      })
      t.match(await hosts.run([one(r, { hosts: 'a' })]), { code: 2, failures: [/handler pay/] })
      hosts.write('a', 'srv/money', '')
      const planned = await hosts.run([one(r, { hosts: 'a' })], { dryRun: true })
      t.match(
        planned.tasks.filter(e => e.status === 'changed'),
        [{ task: 'handler pay', note: 'pending from an interrupted run' }],
      )
      const ran = await hosts.run([one(r, { hosts: 'a' })])
      t.match(ran, { code: 0, changed: planned.changed, recap: { unpredicted: 0 } })
      t.strictSame((await hosts.run([one(r, { hosts: 'a' })])).changed, [])
      t.equal(hosts.read('a', 'srv/log'), 'paid\n')

      hosts.write('a', 'var/lib/fmc/pending/debtor/old%20name', '')
      const unknown = await hosts.run([one(r, { hosts: 'a' })])
      t.match(unknown, {
        code: 2,
        failures: [
          /handler "old name" is pending from an interrupted run, but the role debtor no longer defines it/,
        ],
      })
    },
  )
})

void t.test('the run is compared with the plan', async t => {
  const seen = (wanted: boolean) =>
    tasks(async () => {
      await file('/srv/before', { content: 'x' })
      await $({ creates: '/srv/x' })`touch /srv/x /srv/y`
      if ((await probe`test -e /srv/y`).ok === wanted) await file('/srv/z', { content: 'z' })
    })
  await t.test('a probe after a planned change makes the rest an estimate', async t => {
    const ran = await new Hosts(t).run([one(seen(false), { hosts: 'a' })], { dryRun: true })
    t.strictSame(
      ran.tasks.map(e => [e.task, e.estimate ?? false]),
      [
        ['file /srv/before', false],
        ['$ touch /srv/x /srv/y', false],
        ['file /srv/z', true],
      ],
    )
  })
  await t.test('a planned change that the run does not reach is unneeded', async t => {
    const hosts = new Hosts(t)
    const ran = await hosts.run([one(seen(false), { hosts: 'a' })])
    t.match(ran, { code: 0, recap: { unneeded: 1, unpredicted: 0 } })
    t.match(
      ran.tasks.find(e => e.task === 'file /srv/z'),
      { unneeded: true, note: 'predicted but not needed' },
    )
    t.equal(hosts.read('a', 'srv/z'), undefined)
  })
  await t.test('a change that the plan did not have is unpredicted', async t => {
    const hosts = new Hosts(t)
    const ran = await hosts.run([one(seen(true), { hosts: 'a' })])
    t.match(ran, { code: 0, recap: { unneeded: 0, unpredicted: 1 } })
    t.match(
      ran.tasks.find(e => e.task === 'file /srv/z'),
      { status: 'changed', unpredicted: true },
    )
  })
  await t.test('a planned change that is already true was made by another task', async t => {
    const r = tasks(async () => {
      await $({ creates: '/srv/x' })`touch /srv/x; printf y >/srv/y`
      await file('/srv/y', { content: 'y' })
    })
    const ran = await new Hosts(t).run([one(r, { hosts: 'a' })])
    t.match(ran, { code: 0, recap: { changed: 2, unpredicted: 0, unneeded: 0 } })
    t.match(ran.tasks.at(-1), { note: 'by another task' })
  })
})

void t.test('a gate that is closed', async t => {
  const closed = (first: boolean) =>
    tasks(async () => {
      if (first) await file('/srv/x', { content: 'x' })
      await gate('it is open', async () => (await probe`test -e /srv/x`).ok || 'still closed', {
        timeoutSeconds: 1,
        everySeconds: 0.1,
      })
    })
  const sick = await new Hosts(t).run([one(closed(false), { hosts: 'a' })], { dryRun: true })
  t.match(sick, { code: 2, failures: [/still closed/] }, 'a dry run shows a sick host')
  const hosts = new Hosts(t)
  const planned = await hosts.run([one(closed(true), { hosts: 'a' })], { dryRun: true })
  t.match(planned, { code: 0, tasks: [{}, { status: 'ok', note: /will wait for it/ }] })
  t.equal((await hosts.run([one(closed(true), { hosts: 'a' })])).code, 0)
  const never = await new Hosts(t).run([one(closed(false), { hosts: 'a' })])
  t.match(never, {
    code: 2,
    failures: [/the gate "it is open" did not open within 1 s: still closed/],
  })
})

const TRY = 'touch /srv/trace; test ! -e /srv/lost'
void t.test('a gate whose check leaves a trace: a dry run checks something else', async t => {
  const hosts = new Hosts(t)
  const r = tasks(() =>
    gate('it passes', async () => (await probe`sh -c ${TRY}`).ok || 'nothing passes', {
      timeoutSeconds: 1,
      inDryRun: async () => (await probe`test ! -e /srv/sick`).ok || 'it is sick',
    }),
  )
  t.match(await hosts.run([one(r, { hosts: 'a' })], { dryRun: true }), { code: 0 })
  t.equal(hosts.read('a', '/srv/trace'), undefined)
  t.match(await hosts.run([one(r, { hosts: 'a' })]), { code: 0 })
  t.equal(hosts.read('a', '/srv/trace'), '')
  hosts.write('a', '/srv/lost', '')
  t.match(await hosts.run([one(r, { hosts: 'a' })], { dryRun: true }), { code: 0 })
  const lost = await hosts.run([one(r, { hosts: 'a' })])
  t.match(lost, { code: 2, failures: [/did not open within 1 s: nothing passes/] })
  hosts.write('a', '/srv/sick', '')
  const sick = await hosts.run([one(r, { hosts: 'a' })], { dryRun: true })
  t.match(sick, { code: 2, failures: [/it is sick/] })
})

// Handlers run before the next gate: in the order of the plan, in every pass, and when a run is repeated.
import t, { type Test } from 'tap'
import {
  $,
  file,
  flush,
  gate,
  hosts as matching,
  on,
  probe,
  tryOn,
  waitFor,
} from '../../lib/index.ts'
import type { Play } from '../../lib/index.ts'
import { Hosts, one, tasks, type Ran } from './hosts.ts'

const FAST = { timeoutSeconds: 1, everySeconds: 0.1 }
const has = (path: string) => async () => (await probe`test -e ${path}`).ok || `no ${path}`
const touch = (path: string) => () => $`touch ${path}; echo ${path} >>/srv/log`
const order = (ran: Ran): string[] => ran.tasks.map(e => `${e.host} ${e.task}`)

/** A dry run, the run and a second run: the same tasks in the same order, and nothing left to do. */
async function prove(t: Test, hosts: Hosts, play: Play): Promise<string[]> {
  const planned = await hosts.run([play], { dryRun: true })
  const ran = await hosts.run([play])
  t.equal(ran.code, 0, ran.failures.join('\n'))
  t.strictSame(order(ran), order(planned), 'the run does the tasks in the order of the dry run')
  t.strictSame(ran.changed, planned.changed)
  t.match(ran.recap, { unpredicted: 0, unneeded: 0 })
  const again = await hosts.run([play])
  t.match(again, { code: 0, changed: [] }, again.failures.join('\n'))
  return order(ran)
}

void t.test('a gate waits for what a handler does', async t => {
  const r = tasks(
    async () => {
      await file('/srv/x', { content: 'x', notify: 'up' })
      await gate('it is up', has('/srv/up'), FAST)
      await file('/srv/y', { content: 'y', notify: ['second', 'first'] })
      await waitFor(
        'both have run',
        has('/srv/second'),
        yes => (yes === true ? undefined : yes),
        FAST,
      )
      await file('/srv/z', { content: 'z', notify: 'up' })
    },
    { first: touch('/srv/first'), second: touch('/srv/second'), up: touch('/srv/up') },
  )
  const hosts = new Hosts(t)
  t.strictSame(await prove(t, hosts, one(r, { hosts: 'a' })), [
    'a file /srv/x',
    'a handler up',
    'a gate it is up',
    'a file /srv/y',
    'a handler first',
    'a handler second',
    'a gate both have run',
    'a file /srv/z',
    'a handler up #2',
  ])
})

void t.test('after an interruption, too', async t => {
  const r = tasks(
    async () => {
      await gate('there is a network', () => Promise.resolve(true))
      await file('/srv/x', { content: 'x', notify: 'up' })
      await gate('it is up', has('/srv/up'), FAST)
    },
    { up: () => $`test -e /srv/ready && touch /srv/up` },
  )
  const hosts = new Hosts(t)
  t.match(await hosts.run([one(r, { hosts: 'a' })]), { code: 2, failures: [/handler up/] })
  hosts.write('a', 'srv/ready', '')
  const play = one(r, { hosts: 'a' })
  const planned = await hosts.run([play], { dryRun: true })
  t.match(planned.tasks.at(2), { task: 'handler up', note: 'pending from an interrupted run' })
  t.match(planned.tasks.at(3), { task: 'gate it is up', note: 'will wait for it' })
  t.strictSame(await prove(t, hosts, play), [
    'a gate there is a network',
    'a file /srv/x',
    'a handler up',
    'a gate it is up',
  ])

  const elsewhere = tasks(async () => {
    for (const b of matching('b'))
      await on(b, () => gate('it answers', () => Promise.resolve(true)))
  })
  hosts.write('b', `var/lib/fmc/pending/${elsewhere.name}/lost`, '')
  t.match(
    await hosts.run([one(elsewhere, { hosts: 'a' })]),
    { code: 0 },
    'a host that is only asked',
  )
})

void t.test('gates on other hosts, and for them', async t => {
  const r = tasks(
    async () => {
      await file('/srv/x', { content: 'x', notify: 'up' })
      for (const b of matching('b')) {
        const up = async () => on(matching('a')[0] ?? b, has('/srv/up'))
        await tryOn(b, () => gate('a is up', up, FAST))
        await on(b, () => file('/srv/y', { content: 'y', notify: 'up' }))
        await gate('b is up', () => on(b, has('/srv/up')), FAST)
      }
    },
    { up: touch('/srv/up') },
  )
  t.strictSame(await prove(t, new Hosts(t), one(r, { hosts: 'a' })), [
    'a file /srv/x',
    'a handler up',
    'b gate a is up',
    'b file /srv/y',
    'b handler up',
    'a gate b is up',
  ])
})

void t.test('gates of several hosts at once run the handlers of their own host', async t => {
  const r = tasks(
    async () => {
      await file('/srv/x', { content: 'x', notify: 'up' })
      await Promise.all(
        matching('b:c:d').map(h =>
          on(h, async () => {
            await file('/srv/y', { content: 'y', notify: 'up' })
            await gate('it is up', has('/srv/up'), FAST)
            await file('/srv/z', { content: 'z' })
          }),
        ),
      )
    },
    { up: touch('/srv/up') },
  )
  const hosts = new Hosts(t)
  const play = one(r, { hosts: 'a' })
  const ran = await hosts.run([play])
  t.match(ran, { code: 0, recap: { unpredicted: 0, unneeded: 0 } }, ran.failures.join('\n'))
  for (const h of ['a', 'b', 'c', 'd']) t.equal(hosts.read(h, 'srv/log'), '/srv/up\n')
  t.match(await hosts.run([play]), { code: 0, changed: [] })
})

void t.test(
  'a handler that fails before a gate fails the role, even where the role goes on',
  async t => {
    const r = tasks(
      async () => {
        await file('/srv/x', { content: 'x', notify: 'up' })
        for (const b of matching('b'))
          await tryOn(b, () => gate('it is up', () => Promise.resolve(true)))
        await file('/srv/after', { content: 'x' })
      },
      { up: () => $`echo no >&2; exit 3` },
    )
    const hosts = new Hosts(t)
    const ran = await hosts.run([one(r, { hosts: 'a' })])
    t.equal(ran.code, 2)
    t.match(ran.failures, [/^a: handler up: .*exit code 3/])
    t.equal(ran.failures.length, 1)
  },
)

void t.test('handlers that notify handlers', async t => {
  const chain = tasks(() => file('/srv/x', { content: 'x', notify: 'two' }), {
    one: touch('/srv/one'),
    two: () => file('/srv/z', { content: 'z', notify: ['one', 'three'] }),
    three: async () => {
      await $`test -e /srv/ready`
      await $`echo three >>/srv/log`
    },
  })
  const hosts = new Hosts(t)
  const killed = await hosts.run([one(chain, { hosts: 'a' })])
  t.match(killed, { code: 2, failures: [/handler three/] })
  hosts.write('a', 'srv/ready', '')
  const again = await hosts.run([one(chain, { hosts: 'a' })])
  t.match(again, { code: 0, changed: ['a handler three'] }, 'the notified handler was not lost')
  t.equal(hosts.read('a', 'srv/log'), '/srv/one\nthree\n')

  const circle = tasks(() => file('/srv/x', { content: 'x', notify: 'ping' }), {
    ping: () => $({ notify: 'pong' })`true`,
    pong: () => $({ notify: 'ping' })`true`,
  })
  const round = await new Hosts(t).run([one(circle, { hosts: 'a' })])
  t.match(round, { code: 2, failures: [/handler ping has run \d+ times, and is notified again/] })
})

void t.test('a gate that stays closed shows what its last probes printed', async t => {
  const closed = tasks(async () => {
    await gate(
      'it is up',
      async () => {
        const { stdout } = await probe`echo "state: starting"; printf 'more\\033[31m' >&2; exit 3`
        return stdout.includes('up')
      },
      { timeoutSeconds: 0, evidence: () => Promise.resolve('the log') },
    )
  })
  const output = (ran: Ran) => {
    const failed = ran.tasks.find(e => e.status === 'failed')
    return failed?.failure?.output ?? ''
  }
  const hosts = new Hosts(t)
  const dry = await hosts.run([one(closed, { hosts: 'a' })], { dryRun: true })
  t.match(dry, { code: 2, failures: [/it does not hold/] })
  const wanted = /^probe echo .* \(exit code 3\):\nstate: starting\n+more\u001b\[31m/
  t.match(output(dry), wanted)
  const ran = await hosts.run([one(closed, { hosts: 'a' })])
  t.match(output(ran), wanted)
  t.match(output(ran), /the log$/)

  const loud = tasks(() =>
    gate('it is quiet', async () => (await probe`seq 100000`).stdout === '', { timeoutSeconds: 0 }),
  )
  const long = output(await hosts.run([one(loud, { hosts: 'b' })]))
  t.match(long, /…[\s\S]*100000$/)
  t.ok(long.length < 1500)

  const silent = tasks(() => gate('nothing', () => Promise.resolve(false), { timeoutSeconds: 0 }))
  t.equal(output(await hosts.run([one(silent, { hosts: 'c' })])), '')
})

void t.test('flush() runs them at once', async t => {
  const r = tasks(
    async () => {
      await file('/srv/x', { content: 'x', notify: 'up' })
      await flush()
      await $({ creates: '/srv/y' })`cp /srv/log /srv/y`
    },
    { up: touch('/srv/up') },
  )
  const hosts = new Hosts(t)
  await prove(t, hosts, one(r, { hosts: 'a' }))
  t.equal(hosts.read('a', 'srv/y'), '/srv/up\n')
})

// Hosts that do not answer because of what is wrong on the host that routes their network, or on which they run.
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { dial } from '../../lib/ssh/dial.ts'
import { Forks } from '../../lib/engine/host/forks.ts'
import { onTheWay } from '../../lib/engine/host/on-the-way.ts'
import { file, together } from '../../lib/index.ts'
import { loadInventory } from '../../lib/inventory/load.ts'
import { Hosts, one, tasks } from './hosts.ts'

const VMS = { b: 'a', c: 'a' }

/** `a` opens the way to b and c by writing /srv/way; then they, and d, get a file. */
const site = (hosts: Hosts, { fails = false } = {}) => [
  one(
    tasks(async () => {
      const way = await file('/srv/way', {
        content: 'open',
        validate: () => (fails ? 'false' : 'true'),
      })
      if (way.changed && hosts.read('a', 'srv/way') === 'open') hosts.down.clear()
    }),
    { hosts: 'a' },
  ),
  one(
    tasks(() => file('/srv/app', { content: 'x' })),
    { hosts: 'b:c:d' },
  ),
  one(
    tasks(() => file('/srv/last', { content: 'x' })),
    { hosts: 'b:c' },
  ),
]

const cut = (t: Test, ...names: readonly string[]): Hosts => {
  const hosts = new Hosts(t, VMS)
  for (const name of names) hosts.down.add(name)
  return hosts
}

void t.test('the dry run names the host that is in the way', async t => {
  const hosts = cut(t, 'b', 'c')
  const ran = await hosts.run(site(hosts), { dryRun: true })
  t.equal(ran.code, 4)
  t.strictSame(ran.changed, ['a file /srv/way', 'd file /srv/app'])
  t.strictSame(
    ran.failures,
    ['b', 'c'].map(
      name =>
        `${name}: no answer from ${name}; a, on which it runs, has planned changes: a run makes these first, then plans and changes this host if it answers`,
    ),
  )
})

void t.test('the run that opens the way goes on with the hosts behind it', async t => {
  const hosts = cut(t, 'b', 'c')
  const ran = await hosts.run(site(hosts))
  t.match(ran, { code: 0, recap: { unpredicted: 0, unreachable: 0 } }, ran.failures.join('\n'))
  t.strictSame(ran.changed.toSorted(), [
    'a file /srv/way',
    ...['b', 'c'].flatMap(h => [`${h} file /srv/app`, `${h} file /srv/last`]),
    'd file /srv/app',
  ])
  t.match(ran.notes, [/^no answer from b, c: a, on which they run, has planned changes/])
  t.match(await hosts.run(site(hosts)), { code: 0, changed: [] })
})

void t.test('plays that run together: each host is connected to and planned once', async t => {
  const hosts = cut(t, 'b', 'c')
  const [way] = site(hosts)
  const put = (on: string) =>
    one(
      tasks(() => file('/srv/app', { content: 'x' })),
      { hosts: on },
    )
  const ran = await hosts.run([...(way ? [way] : []), together(put('b'), put('c'))])
  t.match(ran, { code: 0, recap: { unpredicted: 0 } }, ran.failures.join('\n'))
  t.strictSame(hosts.connections.toSorted(), ['a', 'b', 'c'])
})

void t.test('the way cannot be opened: nobody waits for the hosts behind it', async t => {
  const hosts = cut(t, 'b', 'c')
  const ran = await hosts.run(site(hosts, { fails: true }))
  t.equal(ran.code, 2)
  t.match(
    ran.failures.join('\n'),
    /b: no answer; a, on which it runs, was to be changed first, and failed/,
  )
  t.strictSame(ran.changed, ['d file /srv/app'])
})

void t.test('nothing to change on the way: the host is unreachable', async t => {
  const hosts = cut(t, 'b')
  hosts.write('a', 'srv/way', 'open')
  const ran = await hosts.run(site(hosts))
  t.match(ran, { code: 4, failures: ['b: no answer from b'] })

  const both = cut(t, 'a', 'b')
  const lost = await both.run(site(both), { dryRun: true })
  t.match(lost.failures.join('\n'), /b: .*; a, on which it runs, failed or did not answer/)

  const alone = await hosts.run(site(hosts), { limit: 'b', dryRun: true })
  const [event] = alone.events.flatMap(e => ('failure' in e ? [e.failure.hint] : []))
  t.match(event, /^a, on which it runs, is not in this run; see whether it works: fmc facts a$/)
})

void t.test('what is on the way', async t => {
  const inventory = await loadInventory('inventory.yaml')
  const ways = (name: string) => {
    const host = inventory.hosts.get(name)
    return host ? onTheWay(host, inventory).map(way => `${way.host.name}, ${way.as}`) : ['?']
  }
  t.strictSame(ways('worker1'), ['hypervisor, which routes its network'])
  t.strictSame(ways('loadbalancer1'), ['hypervisor, on which it runs'])
  t.strictSame(ways('hypervisor'), [])
})

void t.test('hosts that do not answer cost one time limit, whatever the forks', async t => {
  const inventory = await loadInventory('inventory.yaml')
  const hosts = [...inventory.hosts.values()]
  const failed: string[] = []
  const forks = new Forks(1, {
    isOut: () => false,
    unlessEnded: work => work,
    silent: () => Promise.resolve(),
    fail: host => void failed.push(host.name),
  })
  let [waiting, most, working, mostWorking] = [0, 0, 0, 0]
  let answer: () => void = () => undefined
  const limit = new Promise<void>(resolve => (answer = resolve))
  await forks.eachConnected(
    hosts,
    async host => {
      most = Math.max(most, ++waiting)
      if (waiting === hosts.length) answer()
      await limit
      if (host.name.startsWith('master')) throw new Error('no answer')
    },
    async () => {
      mostWorking = Math.max(mostWorking, ++working)
      await sleep(1)
      working--
    },
  )
  t.equal(most, hosts.length, 'all of them are waited for at the same time')
  t.equal(mostWorking, 1, 'work is limited')
  t.strictSame(failed, ['master1', 'master2', 'master3'])
})

void t.test(
  'a host that has answered counts as one of the forks until its login has ended',
  async t => {
    const inventory = await loadInventory('inventory.yaml')
    const hosts = [...inventory.hosts.values()]
    const forks = new Forks(2, {
      isOut: () => false,
      unlessEnded: work => work,
      silent: () => new Promise<void>(() => undefined),
      fail: (_, error) => {
        t.fail(String(error))
      },
    })
    let [connecting, most] = [0, 0]
    await forks.eachConnected(
      hosts,
      async () => {
        most = Math.max(most, ++connecting)
        await sleep(5)
        connecting--
      },
      () => Promise.resolve(),
    )
    t.equal(most, 2)
  },
)

void t.test(
  'an address at which nothing answers is silent, one that refuses or answers is not',
  async t => {
    const server = net.createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.teardown(() => server.close())
    const { port } = server.address() as net.AddressInfo
    let silent = 0
    const onSilent = (): void => {
      silent++
    }
    const socket = await dial('127.0.0.1', port, 3000, { onSilent })
    await sleep(700)
    socket.destroy()
    t.equal(silent, 0)
    await t.rejects(dial('127.0.0.1', 1, 3000, { onSilent }))
    t.equal(silent, 0)

    // A network namespace of its own, with a device behind which nobody is.
    const { stdout } = spawnSync(
      'unshare',
      [
        '-n',
        'sh',
        '-c',
        `ip link set lo up; ip link add x type veth peer name y; ip link set y up; ip addr add 10.9.9.1/24 dev x; ip link set x up; ip neigh add 10.9.9.2 lladdr 02:00:00:00:00:02 dev x; exec "$@"`,
        'sh',
        process.execPath,
        '--import=./scripts/load-ts.js',
        '--input-type=module',
        '-e',
        `
      import { dial } from './lib/ssh/dial.ts'
      await dial('10.9.9.2', 22, 1500, { onSilent: () => console.log('silent') }).catch(e => console.log(e.message))`,
      ],
      { encoding: 'utf8' },
    )
    t.equal(stdout, 'silent\nno answer within 1.5 s\n')
  },
)

// Hosts that an earlier play creates: planned before they exist, then connected to and configured.
import t, { type Test } from 'tap'
import {
  directory,
  file,
  gate,
  hosts as matching,
  on,
  packages,
  probe,
  role,
  service,
  willExist,
  z,
  type Invariant,
} from '../../lib/index.ts'
import { Hosts, one, tasks } from './hosts.ts'

const VMS = { b: 'a', c: 'a' }

/** The hypervisor a: creates these VMs, which answer from then on. */
const hypervisor = (hosts: Hosts, vms: readonly string[] = ['b', 'c']) =>
  tasks(async () => {
    for (const vm of matching('b,c').filter(h => vms.includes(h.name))) {
      if (!(await file(`/srv/vm-${vm.name}`, { content: 'x' })).changed) continue
      willExist(vm)
      if (hosts.read('a', `srv/vm-${vm.name}`) !== undefined) hosts.down.delete(vm.name)
    }
  })

const site = (hosts: Hosts, vms?: readonly string[]) =>
  [
    one(hypervisor(hosts, vms), { hosts: 'a' }),
    one(
      tasks(async () => {
        await directory('/srv/app')
        await file('/srv/app/config', { content: 'x' })
      }),
      { hosts: 'b,c', serial: 1 },
    ),
  ] as const

const nothing = (t: Test): Hosts => {
  const hosts = new Hosts(t, VMS)
  hosts.down.add('b').add('c')
  return hosts
}

const PLANNED = [
  'a file /srv/vm-b',
  'a file /srv/vm-c',
  'b directory /srv/app',
  'b file /srv/app/config',
  'c directory /srv/app',
  'c file /srv/app/config',
]

void t.test(
  'planned before they exist, then created, connected to and configured as planned',
  async t => {
    const hosts = nothing(t)
    const planned = await hosts.run(site(hosts), { dryRun: true, pendingIsError: true })
    t.match(planned, {
      code: 3,
      failures: { length: 0 },
      recap: { unreachable: 0, new: ['b', 'c'] },
    })
    t.strictSame(planned.changed, PLANNED)
    t.strictSame(
      planned.events.filter(e => e.type === 'host' && e.state === 'new'),
      ['b', 'c'].map(host => ({ type: 'host', host, state: 'new', by: 'a' })),
    )
    t.notOk(planned.tasks.some(e => e.estimate))
    t.equal(hosts.read('a', 'srv/vm-b'), undefined)

    const done = await hosts.run(site(hosts))
    t.equal(done.code, 0, done.failures.join('\n'))
    t.strictSame(done.changed, PLANNED)
    t.match(done.recap, { unreachable: 0, unpredicted: 0, unneeded: 0 })
    t.equal(hosts.read('c', 'srv/app/config'), 'x')

    const again = await hosts.run(site(hosts))
    t.match(again, { code: 0, changed: { length: 0 }, recap: { new: undefined } })
  },
)

void t.test('one at a time, and wherever the hypervisor stands in the inventory', async t => {
  const hosts = new Hosts(t, { a: 'd', b: 'd' })
  hosts.down.add('a').add('b')
  const maker = tasks(() => {
    for (const vm of matching('a,b')) willExist(vm)
    return Promise.resolve()
  })
  const ran = await hosts.run(
    [
      one(maker, { hosts: 'd' }),
      one(
        tasks(() => directory('/srv/x')),
        { hosts: 'a,b' },
      ),
    ],
    { dryRun: true, forks: 1 },
  )
  t.match(ran, { code: 0, changed: ['a directory /srv/x', 'b directory /srv/x'] })
})

void t.test('a host that no hypervisor creates is unreachable', async t => {
  const cases: readonly [string, (hosts: Hosts) => ReturnType<Hosts['run']>, readonly string[]][] =
    [
      ['the role does not say so', h => h.run(site(h, []), { dryRun: true }), ['b', 'c']],
      ['only one is said', h => h.run(site(h, ['b']), { dryRun: true }), ['c']],
      [
        'the hypervisor is not in this run',
        h => h.run(site(h), { dryRun: true, limit: 'b,c' }),
        ['b', 'c'],
      ],
      [
        'the hypervisor’s play comes later',
        h => h.run([site(h)[1], site(h)[0]], { dryRun: true }),
        ['b', 'c'],
      ],
      [
        'the hypervisor does not answer',
        h => (h.down.add('a'), h.run(site(h), { dryRun: true })),
        ['a', 'b', 'c'],
      ],
      [
        'another machine answers there',
        h => (h.strange.add('b').add('c'), h.run(site(h), { dryRun: true })),
        ['b', 'c'],
      ],
    ]
  for (const [what, run, lost] of cases) {
    const ran = await run(nothing(t))
    t.equal(ran.code, 4, what)
    t.strictSame(
      ran.events
        .flatMap(e => (e.type === 'host' && e.state === 'unreachable' ? [e.host] : []))
        .sort(),
      lost,
      what,
    )
  }
})

void t.test('a host that is not a VM of this one is refused', async t => {
  const hosts = nothing(t)
  const wrong = tasks(() => {
    for (const other of matching('d')) willExist(other)
    return Promise.resolve()
  })
  const ran = await hosts.run([one(wrong, { hosts: 'a' })], { dryRun: true })
  t.match(ran, { code: 2, failures: [/d is not a VM of a/] })
})

void t.test('the hypervisor fails: the run does not wait for its VMs', async t => {
  const hosts = nothing(t)
  const failing = tasks(async () => {
    for (const vm of matching('b,c')) willExist(vm)
    await file('/srv/x', { content: 'x', validate: () => 'false' })
  })
  const ran = await hosts.run([one(failing, { hosts: 'a' }), site(hosts)[1]])
  t.match(ran.failures.toSorted(), [
    /^a: .*validation failed/,
    'b: a was to create b, and failed',
    'c: a was to create c, and failed',
  ])
})

void t.test('a host that does not exist yet can be asked, and answers as a new one', async t => {
  const hosts = nothing(t)
  hosts.down.add('c')
  const asked: string[] = []
  const invariant: Invariant = {
    name: 'never in a dry run',
    check: () => Promise.resolve((asked.push('invariant'), true)),
  }
  const looks = tasks(async () => {
    for (const other of matching('b,c'))
      await on(other, async () => {
        const { stdout } = await probe({ estimate: false, whenNew: 'nothing\n' })`cat /srv/state`
        asked.push(`${other.name} ${stdout.trim()}`)
      })
    await gate(
      'closed',
      async () => (await probe({ estimate: false, whenNew: { code: 1 } })`test -e /srv/x`).ok,
    )
    await directory('/srv/x')
    await gate('later', () => Promise.reject(new Error('not asked')))
  })
  const ran = await hosts.run(
    [
      one(hypervisor(hosts), { hosts: 'a' }),
      one(looks, {
        hosts: 'b,d',
        invariant,
        serial: 1,
        order: () => Promise.resolve(asked.push('order')),
      }),
    ],
    { dryRun: true },
  )
  t.equal(ran.code, 0, ran.failures.join('\n'))
  t.strictSame(asked.toSorted(), ['b nothing', 'b nothing', 'c nothing', 'c nothing'])
  t.strictSame(
    ran.tasks.filter(e => e.host === 'b').map(e => [e.task, e.status, e.note]),
    [
      ['gate closed', 'ok', 'will wait for it (it does not hold)'],
      ['directory /srv/x', 'changed', undefined],
      ['gate later', 'ok', 'will wait for it'],
    ],
  )
})

void t.test(
  'a command whose output is unknown on a new host makes the plan an estimate',
  async t => {
    const hosts = nothing(t)
    const guess = role({
      name: 'guesses',
      summary: '',
      vars: z.object({}),
      async tasks() {
        await packages('haproxy')
        await file('/etc/haproxy/haproxy.cfg', { content: 'x' })
        await service('haproxy')
        if (!(await probe`test -e /srv/y`).ok) await directory('/srv/y')
      },
    })
    const ran = await hosts.run(
      [one(hypervisor(hosts), { hosts: 'a' }), one(guess, { hosts: 'b' })],
      { dryRun: true },
    )
    t.strictSame(
      ran.tasks.filter(e => e.host === 'b').map(e => [e.task, e.status, e.estimate ?? false]),
      [
        ['packages haproxy', 'changed', false],
        ['file /etc/haproxy/haproxy.cfg', 'changed', false],
        ['service haproxy', 'changed', false],
        ['directory /srv/y', 'changed', true],
      ],
    )
  },
)

void t.test('a hypervisor that looks at its own VM does not wait for itself', async t => {
  const hosts = nothing(t)
  const curious = tasks(async () => {
    for (const vm of matching('b')) {
      await on(vm, () => probe({ estimate: false })`true`).catch(() => undefined)
      willExist(vm)
      await on(vm, () => probe({ estimate: false })`true`)
    }
  })
  const ran = await hosts.run(
    [
      one(curious, { hosts: 'a' }),
      one(
        tasks(() => directory('/srv/x')),
        { hosts: 'b' },
      ),
    ],
    { dryRun: true },
  )
  t.match(ran, { code: 0, changed: ['b directory /srv/x'] })
})

void t.test('a host that is gone is worked on from other hosts, if the play allows it', async t => {
  const hosts = new Hosts(t)
  hosts.down.add('b')
  const farewell = tasks(async () => {
    const there = await probe({ estimate: false })`true`.then(
      () => true,
      () => false,
    )
    if (there) await file('/srv/bye', { content: 'x' })
    for (const other of matching('a')) await on(other, () => file('/srv/gone', { content: 'x' }))
  })
  const play = (more: object) => [one(farewell, { hosts: 'b', ...more })]
  t.match(await hosts.run(play({})), { code: 4, changed: { length: 0 } })
  const expected = ['a file /srv/gone']
  t.match(await hosts.run(play({ allowUnreachable: true }), { dryRun: true }), {
    code: 0,
    changed: expected,
  })
  t.match(await hosts.run(play({ allowUnreachable: true })), { code: 0, changed: expected })
  hosts.strange.add('b')
  t.equal(
    (await hosts.run(play({ allowUnreachable: true }))).code,
    4,
    'another machine answers there',
  )
})

void t.test('a host that exists and will be created again is planned as a new one', async t => {
  const hosts = new Hosts(t, VMS)
  t.equal((await hosts.run(site(hosts))).code, 0)
  const recreate = tasks(async () => {
    for (const vm of matching('b')) {
      if (!(await file('/srv/recreated', { content: 'x' })).changed) continue
      willExist(vm)
      if (hosts.read('a', 'srv/recreated') !== undefined) hosts.erase('b')
    }
  })
  const plays = [one(recreate, { hosts: 'a' }), site(hosts)[1]]
  const expected = ['a file /srv/recreated', 'b directory /srv/app', 'b file /srv/app/config']
  const planned = await hosts.run(plays, { dryRun: true })
  t.match(planned, { code: 0, changed: expected, recap: { new: ['b'] } })
  const done = await hosts.run(plays)
  t.match(done, { code: 0, changed: expected, recap: { unpredicted: 0, unneeded: 0 } })
  t.equal(hosts.read('b', 'srv/app/config'), 'x')
})

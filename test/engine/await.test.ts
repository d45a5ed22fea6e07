// What a role's code starts and does not await ends the run before it changes anything, with the place in the role.
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { $, file, gate, hosts as matching, on, probe } from '../../lib/index.ts'
import { Hosts, one, tasks } from './hosts.ts'

const HERE = String.raw`\(.*await\.test\.ts:\d+\)`

void t.test('found in the plan: exit code 2, the place, and no host is changed', async t => {
  const writes = () => file('/srv/x', { content: 'x' })
  const cases: Record<string, [body: () => Promise<unknown>, message: string]> = {
    'the last task': [
      () => (void writes(), Promise.resolve()),
      `not awaited: file /srv/x ${HERE}: the role role-\\d+ ended while it was still running`,
    ],
    'a command': [
      () => (void $`touch /srv/x`, Promise.resolve()),
      `not awaited: \\$ touch /srv/x ${HERE}: the role`,
    ],
    'a gate': [
      () => (void gate('it is up', () => sleep(5).then(() => true)), Promise.resolve()),
      `not awaited: gate it is up ${HERE}: the role`,
    ],
    'Promise.all': [
      () => Promise.all([file('/srv/x', { content: 'x' }), file('/srv/y', { content: 'y' })]),
      `not awaited: file /srv/x ${HERE}: file /srv/y ${HERE} started while it was still running`,
    ],
    'a part on another host': [
      () => {
        for (const b of matching('b')) void on(b, writes)
        return Promise.resolve()
      },
      'not awaited: on b .*: the role',
    ],
    'a function that probes before it writes': [
      () => {
        void probe`true`.then(writes)
        return Promise.resolve()
      },
      'not awaited: probe true: the role role-\\d+ ended while it was still running',
    ],
    'a mistake that the role catches': [
      async () => {
        void writes().catch(() => undefined)
        await file('/srv/y', { content: 'y' }).catch(() => undefined)
      },
      `not awaited: file /srv/x ${HERE}: file /srv/y ${HERE} started`,
    ],
    'a function that throws': [
      async () => {
        void sleep(1).then(() => Promise.reject(new Error('unheard')))
        await gate('it takes a while', () => sleep(50).then(() => true))
      },
      `the role role-\\d+ did not await something that failed: unheard ${HERE}`,
    ],
  }
  cases['a timer that throws'] = [
    async () => {
      setTimeout(() => {
        throw new Error('unheard')
      }, 1)
      await gate('it takes a while', () => sleep(50).then(() => true))
    },
    `the role role-\\d+ did not await something that failed: unheard ${HERE}`,
  ]
  for (const [name, [body, message]] of Object.entries(cases)) {
    const hosts = new Hosts(t)
    const good = tasks(() => file('/srv/good', { content: 'x' }))
    const ran = await hosts.run([one(tasks(body), { hosts: 'a' }), one(good, { hosts: 'c' })])
    t.match(ran, { code: 2, notes: [/nothing was changed on any host/], changed: [] }, name)
    t.match(ran.failures.join('\n'), new RegExp(`^a: .*${message}`), name)
    for (const path of ['srv/x', 'srv/y', 'srv/good'])
      for (const host of ['a', 'b', 'c']) t.equal(hosts.read(host, path), undefined, name)
    const dry = await hosts.run([one(tasks(body), { hosts: 'a' })], { dryRun: true })
    t.equal(dry.code, 2, `${name}: a dry run, too`)
  }
})

void t.test('a handler that does not await fails, and stays pending', async t => {
  const hosts = new Hosts(t)
  const r = tasks(() => file('/srv/x', { content: 'x', notify: 'tell' }), {
    tell: () => (void $`sleep 0.2; touch /srv/told`, Promise.resolve()),
  })
  const ran = await hosts.run([one(r, { hosts: 'a' })])
  t.equal(ran.code, 2)
  t.match(ran.failures, [/not awaited: \$ sleep 0\.2; .*: handler tell ended while it was still/])
  t.equal(
    hosts.read('a', 'srv/told'),
    '',
    'what had begun on the host is finished before the run ends',
  )
  t.equal((await hosts.sh('a', 'ls /var/lib/fmc/pending/*')).stdout, 'tell\n')
})

void t.test('tasks on different hosts may run at once', async t => {
  const hosts = new Hosts(t)
  const r = tasks(() =>
    Promise.all(matching('all').map(h => on(h, () => file('/srv/x', { content: h.name })))),
  )
  t.equal((await hosts.run([one(r, { hosts: 'a' })])).code, 0)
  t.equal(hosts.read('d', 'srv/x'), 'd')
})

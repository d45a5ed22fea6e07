// A role that never ends does not keep its run from ending.
import t from 'tap'
import { $, file, probe } from '../../lib/index.ts'
import { Hosts, one, tasks } from './hosts.ts'

/** The signals of a run, and a promise that resolves when the role has called `here`. */
const interruption = () => {
  const [stop, kill, term] = [new AbortController(), new AbortController(), new AbortController()]
  let resolve: () => void = () => undefined
  const reached = new Promise<void>(done => (resolve = done))
  return {
    signals: { stop: stop.signal, kill: kill.signal, term: term.signal },
    reached,
    here: () => resolve(),
    ctrlC: () => (stop.signal.aborted ? kill.abort() : stop.abort()),
    sigterm: () => (stop.abort(), term.abort()),
  }
}

let over = false
// Else the loop would keep this process alive.
t.teardown(() => (over = true))

const ROLES: Record<string, (here: () => void) => Promise<unknown>> = {
  'a promise that nothing resolves': async here => {
    await file('/srv/x', { content: 'x' })
    here()
    await new Promise(() => undefined)
  },
  'a loop of probes': async here => {
    while (!over) {
      here()
      if ((await probe`test -e /srv/never`).ok) return
    }
  },
}

void t.test('the second Ctrl-C and SIGTERM end it', async t => {
  for (const [name, body] of Object.entries(ROLES)) {
    const twice = interruption()
    const ran = new Hosts(t).run(
      [
        one(
          tasks(() => body(twice.here)),
          { hosts: 'a' },
        ),
      ],
      twice.signals,
    )
    await twice.reached
    twice.ctrlC()
    twice.ctrlC()
    t.match(await ran, { code: 130, recap: { exitCode: 130, failed: 0 } }, name)

    const once = interruption()
    const hosts = new Hosts(t)
    const ended = hosts.run(
      [
        one(
          tasks(() => body(once.here)),
          { hosts: 'a' },
        ),
      ],
      once.signals,
    )
    await once.reached
    once.sigterm()
    t.match(await ended, { code: 143, recap: { exitCode: 143, failed: 0 } }, name)
    t.equal((await hosts.sh('a', 'flock -n /run/fmc.lock true')).code, 0, 'the lock is free')
  }
})

void t.test('SIGTERM waits for what runs on a host', async t => {
  const it = interruption()
  const hosts = new Hosts(t)
  const r = tasks(async () => {
    await $({ creates: '/srv/done' })`touch /srv/begun; sleep 4; touch /srv/done`
    await file('/srv/next', { content: 'x' })
  })
  const ran = hosts.run([one(r, { hosts: 'a' })], it.signals)
  while (hosts.read('a', 'srv/begun') === undefined) await new Promise(next => setTimeout(next, 20))
  it.sigterm()
  t.match(await ran, { code: 143 })
  t.equal(hosts.read('a', 'srv/done'), '')
  t.equal(hosts.read('a', 'srv/next'), undefined)
})

void t.test(
  'a role that can never go on fails when this process has nothing else to do',
  async t => {
    const it = interruption()
    const before = process.listeners('beforeExit')
    const stuck = ROLES['a promise that nothing resolves'] ?? (() => Promise.resolve())
    const ran = new Hosts(t).run([
      one(
        tasks(() => stuck(it.here)),
        { hosts: 'a' },
      ),
    ])
    await it.reached
    // Node calls it when its event loop is empty.
    for (const listener of process.listeners('beforeExit'))
      if (!before.includes(listener)) listener.call(process, 0)
    t.match(await ran, {
      code: 2,
      failures: [/^a: the role role-\d+ waits for something that never happens/],
    })
  },
)

void t.test('$ has a title', async t => {
  const hosts = new Hosts(t)
  const titled = (name: string) => tasks(() => $({ name, creates: '/srv/x' })`touch /srv/x`)
  const play = one(titled('create the schema'), { hosts: 'a' })
  const planned = await hosts.run([play], { dryRun: true })
  t.match(planned.tasks, [{ task: 'create the schema', changes: [{ what: 'touch /srv/x' }] }])
  t.strictSame((await hosts.run([play])).changed, ['a create the schema'])
  for (const wrong of ['', ' x', 'a\nb', 'a\u001b[31mb', 'a\u2028b'])
    t.match(await hosts.run([one(titled(wrong), { hosts: 'b' })]), {
      code: 2,
      failures: [/is not a title: expected one line of text/],
    })
})

// A run that applies a saved plan does what is in it and nothing else, with the whole engine in this process (hosts.ts).
import { createHmac } from 'node:crypto'
import t from 'tap'
import { savedTask, type SavedTask } from '../../lib/engine/saved/digests.ts'
import { Progress } from '../../lib/engine/saved/progress.ts'
import { $, file, gate, newEachTime, on, hosts as matching, probe, tryOn } from '../../lib/index.ts'
import { Hosts, one, tasks, type Ran } from './hosts.ts'

type Plays = Parameters<Hosts['run']>[0]

const digest = (text: string): string =>
  createHmac('sha256', 'key of a test').update(text).digest('base64url').slice(0, 22)

/** The tasks of a dry run, as a plan keeps them. */
async function plan(hosts: Hosts, plays: Plays, limit = 'a:b'): Promise<SavedTask[]> {
  let saved: SavedTask[] = []
  const ran = await hosts.run(plays, {
    dryRun: true,
    limit,
    plan: {
      digest,
      onPlan: found => {
        saved = [...found.values()].flatMap(of =>
          [...of.roles.values()]
            .flat()
            .filter(r => r.changes.length > 0)
            .map(r => savedTask(of.play, r, digest)),
        )
      },
    },
  })
  if (ran.code !== 0) throw new Error(ran.failures.join('\n'))
  return saved
}

const apply = (
  hosts: Hosts,
  plays: Plays,
  saved: readonly SavedTask[],
  {
    resumed = false,
    limit = 'a:b',
    stop,
  }: { resumed?: boolean; limit?: string; stop?: AbortSignal } = {},
): Promise<Ran> =>
  hosts.run(plays, {
    limit,
    ...(stop ? { stop } : {}),
    plan: {
      digest,
      saved: {
        tasks: saved,
        digest,
        shown: text => text,
        progress: new Progress(hosts.dir, 'a plan', digest, resumed),
        again: 'fmc plan again',
      },
    },
  })

const three = (more: readonly string[] = []) => [
  one(
    tasks(async () => {
      for (const name of ['one', 'two', ...more, 'three'])
        await file(`/srv/${name}`, { content: `${name}\n` })
    }),
  ),
]

void t.test('what is as it was is applied, twice as well', async t => {
  const hosts = new Hosts(t)
  const plays = three()
  const saved = await plan(hosts, plays)
  t.equal(saved.length, 6)
  const ran = await apply(hosts, plays, saved)
  t.equal(ran.code, 0, ran.failures.join('\n'))
  t.match(ran.recap, { changed: 6, unpredicted: 0 })
  const again = await apply(hosts, plays, saved)
  t.match(again, { code: 0, changed: [] })
  t.match(
    again.events.filter(e => e.type === 'note').map(e => `${e.host}: ${e.text}`),
    [/^a: already as planned, nothing to do: file \/srv\/one, /, /^b: already/],
  )
})

void t.test(
  'a host that has moved: its task and what follows are refused, the rest goes on',
  async t => {
    const hosts = new Hosts(t)
    hosts.write('b', 'srv/two', 'old\n')
    const plays = three()
    const saved = await plan(hosts, plays)
    hosts.write('b', 'srv/two', 'changed by hand\n')
    const ran = await apply(hosts, plays, saved)
    t.equal(ran.code, 2)
    t.strictSame(ran.failures, [
      'b: file /srv/two: refused: the host has moved since the plan: content of /srv/two',
    ])
    t.match(ran.recap.undone, { b: 2 })
    t.equal(hosts.read('b', 'srv/one'), 'one\n', 'what comes before it is done')
    t.equal(hosts.read('b', 'srv/two'), 'changed by hand\n')
    t.equal(hosts.read('b', 'srv/three'), undefined)
    t.equal(hosts.read('a', 'srv/three'), 'three\n')
    const [failed] = ran.tasks.filter(e => e.failure)
    t.match(failed?.failure, { hint: 'fmc plan again' })
  },
)

void t.test(
  'a task that the plan does not have is refused, and a rolling play stops there',
  async t => {
    const hosts = new Hosts(t)
    hosts.write('a', 'srv/two', 'two\n')
    const plays = [{ ...three()[0], serial: 1 }] as Plays
    const saved = await plan(hosts, plays)
    hosts.erase('a')
    const ran = await apply(hosts, plays, saved)
    t.equal(ran.code, 2)
    t.match(ran.failures, [
      /^a: file \/srv\/two: refused: the plan does not have it, and it would now change: content$/,
    ])
    t.match(ran.notes, [/stopped after a; the hosts after it were not touched/])
    t.equal(hosts.read('b', 'srv/one'), undefined)
  },
)

void t.test('what would be done otherwise is refused, with both in words', async t => {
  const hosts = new Hosts(t)
  const says = (text: string) => [one(tasks(() => file('/srv/x', { content: text, mode: '0600' })))]
  const [first] = says('planned\n') as [ReturnType<typeof one>]
  const saved = await plan(hosts, [first], 'a')
  const other = {
    ...first,
    roles: [
      { ...first.roles[0], tasks: () => file('/srv/x', { content: 'other\n', mode: '0600' }) },
    ],
  }
  const ran = await apply(hosts, [other] as unknown as Plays, saved, { limit: 'a' })
  t.match(ran.failures, [/refused: it would now make content in another way than planned$/])
  hosts.write('a', 'srv/x', 'planned\n')
  const mode = await apply(hosts, [first], saved, { limit: 'a' })
  t.match(mode.failures, [/refused: planned was content, now it would be mode 0644 → 0600$/])
})

void t.test('code that catches the refusal changes nothing more on that host', async t => {
  const hosts = new Hosts(t)
  const plays = [
    one(
      tasks(async host => {
        const [other] = matching('b')
        if (host === 'a' && other) await tryOn(other, () => file('/srv/there', { content: 'x' }))
        await file('/srv/after', { content: 'x' })
      }),
    ),
  ]
  const saved = await plan(hosts, plays)
  hosts.write('b', 'srv/there', 'by hand')
  const ran = await apply(hosts, plays, saved)
  t.match(ran.failures, [
    /^b: file \/srv\/there: refused: the host has moved/,
    /^a: file \/srv\/after: refused: a has stopped at file \/srv\/there/,
  ])
  t.equal(hosts.read('a', 'srv/after'), undefined)
  t.equal(hosts.read('b', 'srv/after'), 'x', 'b is another host of the play')
})

void t.test('handlers: the planned one runs, one that only a handler knows does not', async t => {
  const hosts = new Hosts(t)
  const plays = (inner: string) => [
    one(
      tasks(() => file('/srv/x', { content: 'x', notify: 'first' }), {
        first: () => file('/srv/first', { content: 'x', notify: inner }),
        second: () => $`touch /srv/second`,
      }),
    ),
  ]
  const both = plays('second')
  const saved = await plan(hosts, both, 'a')
  t.strictSame(
    saved.map(s => s.task),
    ['file /srv/x', 'handler first'],
  )
  const ran = await apply(hosts, both, saved, { limit: 'a' })
  t.match(ran.failures, [/^a: handler second: refused: the plan does not have it$/])
  t.equal(hosts.read('a', 'srv/first'), 'x')
  t.equal(hosts.read('a', 'srv/second'), undefined)
})

void t.test('an estimate: only what the plan has', async t => {
  const hosts = new Hosts(t)
  const plays = [
    one(
      tasks(async () => {
        await file('/srv/list', { content: 'x\n' })
        const { ok } = await probe`test -e /srv/list`
        if (ok) await file('/srv/late', { content: 'x' })
        await file('/srv/end', { content: ok ? 'there' : 'gone' })
      }),
    ),
  ]
  const saved = await plan(hosts, plays, 'a')
  t.match(saved.at(-1), { task: 'file /srv/end', estimate: true })
  const ran = await apply(hosts, plays, saved, { limit: 'a' })
  t.match(ran.failures, [/^a: file \/srv\/late: refused: the plan does not have it/])
  t.equal(hosts.read('a', 'srv/end'), undefined)
})

/** A role whose command also writes the next task's file, and the signal that stops an apply after the command. */
function interrupted(hosts: Hosts) {
  const stop = new AbortController()
  const plays = [
    one(
      tasks(async () => {
        await file('/srv/first', { content: 'first\n' })
        await $({ creates: '/srv/made' })`touch /srv/made; echo default >/srv/conf`
        if (hosts.read('a', 'srv/conf') !== undefined) stop.abort()
        await file('/srv/conf', { content: 'mine\n' })
      }),
    ),
  ]
  return { plays, stop: stop.signal }
}

void t.test('an interrupted apply goes on, although it has altered the host', async t => {
  const hosts = new Hosts(t)
  const { plays, stop } = interrupted(hosts)
  const saved = await plan(hosts, plays, 'a')
  const first = await apply(hosts, plays, saved, { limit: 'a', stop })
  t.equal(first.code, 130)
  t.equal(hosts.read('a', 'srv/conf'), 'default\n')
  const second = await apply(hosts, plays, saved, { limit: 'a', resumed: true })
  t.equal(second.code, 0, second.failures.join('\n'))
  t.equal(hosts.read('a', 'srv/conf'), 'mine\n')
  const said = second.events.flatMap(e => (e.type === 'note' ? [e.text] : []))
  t.match(
    said.join('\n'),
    /conf: taken for what the interrupted apply has done: the host has moved/,
  )
})

void t.test('an apply that is not a resumed one compares everything', async t => {
  const hosts = new Hosts(t)
  const { plays, stop } = interrupted(hosts)
  const saved = await plan(hosts, plays, 'a')
  await apply(hosts, plays, saved, { limit: 'a', stop })
  const stranger = await apply(hosts, plays, saved, { limit: 'a' })
  t.match(stranger.failures, [/file \/srv\/conf: refused: the host has moved/])
})

void t.test('a resumed apply refuses what others have changed meanwhile', async t => {
  const hosts = new Hosts(t)
  const stop = new AbortController()
  const names = ['one', 'two', 'three']
  const plays = [
    one(
      tasks(async () => {
        for (const name of names) {
          await file(`/srv/${name}`, { content: `${name}\n` })
          if (hosts.read('a', 'srv/one') !== undefined) stop.abort()
        }
      }),
    ),
  ]
  const saved = await plan(hosts, plays, 'a')
  t.equal((await apply(hosts, plays, saved, { limit: 'a', stop: stop.signal })).code, 130)
  const [one_, two] = ['one', 'two'].map(name => hosts.read('a', `srv/${name}`))
  t.same([one_, two], ['one\n', undefined])
  hosts.write('a', 'srv/two', 'by hand\n')
  const moved = await apply(hosts, plays, saved, { limit: 'a', resumed: true })
  t.match(moved.failures, [/file \/srv\/two: refused: the host has moved/])
  t.equal(hosts.read('a', 'srv/two'), 'by hand\n')
})

void t.test('nor does it repair what it has finished, and others have undone', async t => {
  const hosts = new Hosts(t)
  const { plays, stop } = interrupted(hosts)
  const saved = await plan(hosts, plays, 'a')
  await apply(hosts, plays, saved, { limit: 'a', stop })
  hosts.write('a', 'srv/first', 'by hand\n')
  const again = await apply(hosts, plays, saved, { limit: 'a', resumed: true })
  t.match(again.failures, [/file \/srv\/first: refused: the host has moved/])
  t.equal(hosts.read('a', 'srv/conf'), 'default\n')
  t.equal(hosts.read('a', 'srv/first'), 'by hand\n')
})

void t.test('what an apply has refused, a resumed one refuses, too', async t => {
  const hosts = new Hosts(t)
  const plays = [
    one(
      tasks(async () => {
        await $({ creates: '/srv/made' })`touch /srv/made`
        await file('/srv/two', { content: 'two\n' })
      }),
    ),
  ]
  hosts.write('b', 'srv/two', 'old\n')
  const saved = await plan(hosts, plays)
  hosts.write('b', 'srv/two', 'changed by hand\n')
  for (const resumed of [false, true]) {
    const ran = await apply(hosts, plays, saved, { resumed })
    t.match(ran.failures, [/^b: file \/srv\/two: refused: the host has moved/])
    t.equal(hosts.read('b', 'srv/two'), 'changed by hand\n')
  }
})

void t.test('a task that fails when it is planned again is not already as planned', async t => {
  const hosts = new Hosts(t)
  const plays = three()
  const saved = await plan(hosts, plays, 'a')
  hosts.write('a', 'srv/one/in-the-way', '')
  const ran = await apply(hosts, plays, saved, { limit: 'a' })
  t.match(ran.failures, [/^a: file \/srv\/one: .*director/])
  t.strictSame(
    ran.events.filter(e => e.type === 'note' && /already/.test(e.text)),
    [],
  )
})

void t.test('what a role makes again each time is no difference, and a gate may wait', async t => {
  const hosts = new Hosts(t)
  let round = 0
  const plays = [
    one(
      tasks(async () => {
        const salt = newEachTime(`salt-number-${++round}`)
        await $({ name: 'set up', creates: '/srv/set-up' })`echo ${salt} > /srv/set-up`
        await gate('set up', async () => (await probe`test -e /srv/set-up`).ok)
        for (const other of matching('b'))
          await on(other, () => file('/srv/told', { content: 'x' }))
      }),
      { hosts: 'a' },
    ),
  ] as Plays
  const saved = await plan(hosts, plays)
  t.match(saved, [{ task: 'set up' }, { task: 'file /srv/told', host: 'b', delegatedBy: 'a' }])
  const ran = await apply(hosts, plays, saved)
  t.equal(ran.code, 0, ran.failures.join('\n'))
  t.match(hosts.read('a', 'srv/set-up'), /^salt-number-3/)
})

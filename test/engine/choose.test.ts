// What a user can choose of a run: where it starts (--start-at), which hosts are changed (--step), which tags.
import t from 'tap'
import {
  $,
  file,
  flush,
  gate,
  hosts as matching,
  on,
  play,
  role,
  together,
  z,
} from '../../lib/index.ts'
import { Hosts, one, tasks } from './hosts.ts'

const put = (name: string) => file(`/srv/${name}`, { content: name, notify: 'say so' })
/** A role that writes /srv/NAME1, /srv/NAME2, /srv/NAME3, with a handler. */
const three = (name: string) =>
  role({
    name,
    summary: 'for a test',
    vars: z.object({}),
    handlers: { 'say so': () => $`touch /srv/${name}-handled` },
    async tasks() {
      await put(`${name}1`)
      await flush()
      await put(`${name}2`)
      await put(`${name}3`)
    },
  })
const FILES = ['first', 'second', 'third'].flatMap(n => [1, 2, 3].map(i => `${n}${i}`))
const written = (hosts: Hosts, host: string) =>
  FILES.filter(f => hosts.read(host, `srv/${f}`) !== undefined)

void t.test('--start-at', async t => {
  const [first, second, third] = [three('first'), three('second'), three('third')]
  const plays = [one(first), one(second), one(third)]

  await t.test('a task: those before it are skipped, also in the verify pass', async t => {
    const hosts = new Hosts(t)
    const startAt = { role: 'second', task: 'file /srv/second2' }
    const dry = await hosts.run(plays, { startAt, limit: 'a', dryRun: true })
    t.same(
      dry.tasks.filter(e => e.role === 'second').map(e => `${e.task} ${e.status}`),
      [
        'file /srv/second1 skipped',
        'file /srv/second2 changed',
        'file /srv/second3 changed',
        'handler say so changed',
      ],
    )
    const ran = await hosts.run(plays, { startAt, limit: 'a' })
    t.equal(ran.code, 0, ran.failures.join('\n'))
    t.same(written(hosts, 'a'), ['second2', 'second3', 'third1', 'third2', 'third3'])
    t.equal(ran.recap.unpredicted, 0)
    const again = await hosts.run(plays, { startAt, limit: 'a' })
    t.same(again.changed, [])
  })

  await t.test('a role: its play starts there, and later plays run', async t => {
    const hosts = new Hosts(t)
    const both = [play('Both', { hosts: 'all', roles: [first, second] }), one(third)]
    const ran = await hosts.run(both, {
      startAt: { role: 'second', task: 'file /srv/second1' },
      limit: 'a',
    })
    t.equal(ran.code, 0, ran.failures.join('\n'))
    t.same(written(hosts, 'a'), FILES.slice(3))
  })

  await t.test('only in the first play that has the role; plays together with it stay', async t => {
    const hosts = new Hosts(t)
    const twice = [
      together(
        play('A', { hosts: 'a', roles: [second] }),
        play('B', { hosts: 'b', roles: [first] }),
      ),
      play('C', { hosts: 'b', roles: [second] }),
    ]
    const ran = await hosts.run(twice, { startAt: { role: 'second', task: 'file /srv/second3' } })
    t.equal(ran.code, 0, ran.failures.join('\n'))
    t.same(written(hosts, 'a'), ['second3'])
    t.same(written(hosts, 'b'), FILES.slice(0, 6))
  })

  await t.test('a pending handler waits until the start', async t => {
    const hosts = new Hosts(t)
    const stopped = await hosts.run([one(three('first'))], { limit: 'a' })
    t.equal(stopped.code, 0)
    await hosts.sh('a', 'rm /srv/first-handled')
    hosts.write('a', 'var/lib/fmc/pending/first/say%20so', '')
    const ran = await hosts.run(plays, {
      startAt: { role: 'first', task: 'file /srv/first3' },
      limit: 'a',
    })
    t.equal(ran.code, 0, ran.failures.join('\n'))
    t.same(
      ran.tasks.filter(e => e.role === 'first').map(e => e.task),
      ['file /srv/first1', 'file /srv/first2', 'file /srv/first3', 'handler say so'],
    )
  })

  await t.test('an unknown task: nothing is changed, and the nearest is named', async t => {
    const hosts = new Hosts(t)
    for (const dryRun of [true, false])
      await t.rejects(
        hosts.run(plays, {
          startAt: { role: 'second', task: 'file /srv/secnd2' },
          limit: 'a',
          dryRun,
        }),
        {
          name: 'UsageError',
          message: '--start-at: the role second has no task file /srv/secnd2 on these hosts',
          hint: "did you mean --start-at 'second/file /srv/second2'?",
        },
      )
    t.same(written(hosts, 'a'), [])
  })

  await t.test('an unknown role names the nearest', async t => {
    await t.rejects(new Hosts(t).run(plays, { startAt: { role: 'secnod', task: '' } }), {
      message: 'the playbook test has no role secnod',
      hint: 'did you mean second?',
    })
  })

  await t.test('tasks on other hosts and gates count as any', async t => {
    const hosts = new Hosts(t)
    const r = tasks(
      async () => {
        await gate('never', () => Promise.resolve(false), { timeoutSeconds: 1 })
        for (const b of matching('b')) await on(b, () => put('first1'))
        await file('/srv/first2', { content: 'x' })
      },
      { 'say so': () => $`true` },
    )
    const ran = await hosts.run([one(r)], {
      startAt: { role: r.name, task: 'file /srv/first2' },
      limit: 'a',
    })
    t.equal(ran.code, 0, ran.failures.join('\n'))
    t.same([written(hosts, 'a'), written(hosts, 'b')], [['first2'], []])
  })
})

void t.test('--step', async t => {
  const plays = () => [one(three('first'), { serial: 1 }), one(three('second'))]

  await t.test('a refused host is left out of the rest of the run, and stops no other', async t => {
    const hosts = new Hosts(t)
    const asked: string[] = []
    const ran = await hosts.run(plays(), {
      confirm: (play, host) => {
        asked.push(`${play} ${host}`)
        return Promise.resolve(host !== 'b')
      },
    })
    t.equal(ran.code, 0, ran.failures.join('\n'))
    t.same(written(hosts, 'b'), [])
    for (const host of ['a', 'c', 'd']) t.same(written(hosts, host), FILES.slice(0, 6))
    const [one, two] = plays().map(p => ('name' in p ? p.name : ''))
    t.equal(asked.filter(a => a.endsWith(' b')).length, 1, 'asked once')
    t.equal(asked.length, 7)
    t.ok(one !== '' && two !== '')
    t.match(
      ran.events.filter(e => e.type === 'note').map(e => e.text),
      [/^b is left out from play .* on: its changes were not confirmed$/],
    )
  })

  await t.test('what a host has got before is verified', async t => {
    const hosts = new Hosts(t)
    let n = 0
    const never = tasks(async () => {
      await $`touch /srv/again`
    })
    const ran = await hosts.run([one(never), one(three('first'))], {
      limit: 'a',
      confirm: () => Promise.resolve(n++ === 0),
    })
    t.equal(ran.code, 2)
    t.match(ran.failures, [/not idempotent/])
    t.same(written(hosts, 'a'), [])
  })

  await t.test('hosts with nothing to do are not asked about', async t => {
    const hosts = new Hosts(t)
    await hosts.run(plays(), { limit: 'a' })
    const asked: string[] = []
    await hosts.run(plays(), {
      limit: 'a,b',
      confirm: (_, host) => (asked.push(host), Promise.resolve(true)),
    })
    t.same(asked, ['b', 'b'])
  })

  await t.test('an interruption at the question changes nothing more', async t => {
    const hosts = new Hosts(t)
    const stop = new AbortController()
    const ran = await hosts.run(plays(), {
      stop: stop.signal,
      confirm: (_, host) => {
        if (host === 'b') stop.abort()
        return Promise.resolve(host === 'a')
      },
    })
    t.equal(ran.code, 130)
    t.same(
      ['a', 'b', 'c', 'd'].map(h => written(hosts, h).length),
      [3, 0, 0, 0],
    )
  })
})

void t.test('tags', async t => {
  const plays = [
    play('One', { hosts: 'a', roles: [three('first'), three('second')], tags: ['web', 'dc1'] }),
    play('Two', { hosts: 'a', roles: [three('third')], tags: ['web'] }),
  ]
  const chosen = async (o: Parameters<Hosts['run']>[1]) => {
    const { tasks } = await new Hosts(t).run(plays, { ...o, dryRun: true })
    return [...new Set(tasks.map(e => e.role))]
  }
  t.same(await chosen({ tags: ['dc1', 'third'] }), ['first', 'second', 'third'])
  t.same(await chosen({ skipTags: ['dc1'] }), ['third'])
  t.same(await chosen({ tags: ['web'], skipTags: ['first', 'third'] }), ['second'])
  for (const o of [{ tags: ['web', 'wbe'] }, { skipTags: ['wbe'] }])
    await t.rejects(chosen(o), {
      name: 'UsageError',
      message: 'the playbook test has no tag wbe',
      hint: 'did you mean web?',
    })
})

// One host is locked by another run: what a run reports about it and about the other hosts (hosts.ts).
import t from 'tap'
import { file } from '../../lib/index.ts'
import { closing } from '../../lib/report/closing.ts'
import { recapTable } from '../../lib/report/recap.ts'
import { noColor } from '../../lib/report/style.ts'
import { createTree, reduce } from '../../lib/report/tree.ts'
import { RELEASE } from '../../lib/ssh/kept.ts'
import { until } from '../rig/until.ts'
import { Hosts, one, tasks } from './hosts.ts'

const two = tasks(async host => {
  if (host === 'd') await file('/nowhere/x', { content: 'x' })
  await file('/srv/one', { content: 'x' })
  await file('/srv/two', { content: 'x' })
})

const prepare = (hosts: Hosts, host: string): void => {
  for (const dir of ['run', 'srv']) hosts.write(host, `${dir}/.there`, '')
}

/** A process of root that holds the lock of a host until the test ends it. */
const holding = async (hosts: Hosts, host: string): Promise<() => Promise<unknown>> => {
  const held = hosts.sh(
    host,
    'flock /run/fmc.lock sh -c "echo >/srv/held; while ! [ -e /srv/go ]; do sleep 0.05; done"',
  )
  await until(() => Promise.resolve(hosts.read(host, 'srv/held') !== undefined), 30, 'it is held')
  return async () => {
    hosts.write(host, 'srv/go', '')
    await held
  }
}

void t.test('a host that is locked', { timeout: 120_000 }, async t => {
  const hosts = new Hosts(t)
  for (const host of ['a', 'b', 'd']) prepare(hosts, host)
  for (const path of ['srv/one', 'srv/two']) hosts.write('c', path, 'x')
  prepare(hosts, 'c')
  await hosts.sh('c', 'chmod 644 /srv/*; chown 0:0 /srv/*')
  const release = await holding(hosts, 'b')

  const run = await hosts.run([one(two)])
  t.equal(run.code, 2)
  t.match(run.recap, { exitCode: 2, changed: 0, locked: ['b'], undone: { a: 2 } })
  t.notOk('c' in (run.recap.undone ?? {}), 'nothing was due there')
  t.match(
    run.failures.find(f => f.startsWith('b: ')),
    /\/run\/fmc\.lock, is held by process \d+ of root \(flock \/run\/fmc\.lock/,
  )
  t.match(
    run.failures.find(f => f.startsWith('d: ')),
    /\/nowhere/,
    'what failed in the plan of another host is told, too',
  )
  t.strictSame(run.changed, [])
  t.equal(hosts.read('a', 'srv/one'), undefined, 'nothing is done anywhere')
  t.strictSame(closing(run.recap, noColor).slice(0, 1), [
    'Nothing was changed, because b is locked: 2 planned changes on 1 host (a) left undone.',
  ])
  for (const fold of [true, false])
    t.match(recapTable(run.recap, noColor, { fold }).join('\n'), /^a +: .*undone=2$/m)
  const tree = createTree(0)
  for (const event of run.events) reduce(tree, event, 0)
  t.match(tree.plays[0]?.rows.get('a'), { state: 'skipped', text: '2 planned, left undone' })
  t.match(tree.plays[0]?.rows.get('b'), { state: 'failed' })

  const dry = await hosts.run([one(two)], { dryRun: true })
  t.equal(dry.code, 2)
  t.match(dry.recap, { locked: ['b'], undone: {}, changed: 2 })
  t.match(
    closing(dry.recap, noColor).join('\n'),
    /2 changes would be made on 1 host.*\n.*\nb is locked: until that ends, a run changes nothing on any host\./,
  )

  await release()
  const after = await hosts.run([one(two)], { limit: 'a:b:c' })
  t.equal(after.code, 0, after.failures.join('\n'))
  t.notOk('locked' in after.recap || 'undone' in after.recap)
  t.equal(after.recap.changed, 4)
})

void t.test('locked, and nothing due elsewhere', { timeout: 120_000 }, async t => {
  const hosts = new Hosts(t)
  for (const path of ['srv/one', 'srv/two']) hosts.write('a', path, 'x')
  for (const host of ['a', 'b']) prepare(hosts, host)
  const release = await holding(hosts, 'b')
  const { code, recap } = await hosts.run([one(two)], { limit: 'a:b' })
  t.equal(code, 2)
  t.match(recap, { locked: ['b'], undone: {} })
  t.match(
    closing(recap, noColor)[0],
    'Nothing was changed, because b is locked: no change is planned on the others.',
  )
  await release()
})

void t.test('a run that has changed something gives the locks back', async t => {
  const hosts = new Hosts(t)
  prepare(hosts, 'a')
  for (const path of ['srv/one', 'srv/two']) hosts.write('b', path, 'x')
  prepare(hosts, 'b')
  await hosts.sh('b', 'chmod 644 /srv/*; chown 0:0 /srv/*')
  const last = (): Record<string, string | undefined> =>
    Object.fromEntries(
      ['a', 'b'].map(h => [h, hosts.scripts.findLast(s => s.host === h)?.script] as const),
    )
  t.equal((await hosts.run([one(two)], { limit: 'a:b' })).code, 0)
  t.strictSame(last(), { a: RELEASE, b: RELEASE })
  const before = hosts.scripts.length
  t.equal((await hosts.run([one(two)], { limit: 'a:b' })).code, 0)
  t.strictSame(
    hosts.scripts.slice(before).filter(s => s.script === RELEASE),
    [],
    'a run without changes costs no more than its questions',
  )
})

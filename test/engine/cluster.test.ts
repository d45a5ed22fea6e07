// What roles of a whole cluster need of the engine: facts of many hosts, files on this machine, host files as Secrets.
import { lstatSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import {
  file,
  hosts as matching,
  localFile,
  on,
  probe,
  readSecret,
  Secret,
  type LocalContent,
} from '../../lib/index.ts'
import { Hosts, one, tasks } from './hosts.ts'

void t.test('a probe with estimate: false does not make the plan an estimate', async t => {
  const hosts = new Hosts(t)
  const asks = (ask: () => Promise<unknown>) =>
    tasks(async () => {
      await file('/srv/first', { content: 'x' })
      await ask()
      await file('/srv/second', { content: 'x' })
    })
  const estimates = async (ask: () => Promise<unknown>) =>
    (await hosts.run([one(asks(ask), { hosts: 'a' })], { dryRun: true })).tasks.map(
      e => e.estimate ?? false,
    )
  t.strictSame(await estimates(async () => probe({ estimate: false })`cat /srv/x`), [false, false])
  t.strictSame(await estimates(async () => probe`cat /srv/x`), [false, true])
})

void t.test(
  'the next batch sees what hosts have changed on each other, without a write by fmc',
  async t => {
    const hosts = new Hosts(t)
    const seen: string[] = []
    const ask = async (host: string): Promise<void> => {
      for (const a of matching('a'))
        await on(
          a,
          async () =>
            void seen.push(`${host} ${(await probe({ estimate: false })`cat /srv/count`).stdout}`),
        )
    }
    hosts.write('a', 'srv/count', '0')
    const r = tasks(async host => {
      await file('/srv/mark', { content: 'x' })
      await ask(host)
      if (hosts.read(host, 'srv/mark') !== undefined) hosts.write('a', 'srv/count', host)
    })
    const ran = await hosts.run([one(r, { hosts: 'a,b', serial: 1 })])
    t.equal(ran.code, 0, ran.failures.join('\n'))
    // Plan of both, then a, then b; verify of both.
    t.strictSame(seen.slice(2, 4), ['a 0', 'b a'])
  },
)

void t.test('a file on this machine', async t => {
  const hosts = new Hosts(t)
  const dir = t.testdir({})
  const path = join(dir, 'new/deep/config')
  let content: LocalContent | ((now: string | undefined) => LocalContent) = new Secret('hunter22')
  const r = tasks(() => localFile(path, { content }))
  const run = (dryRun = false) => hosts.run([one(r, { hosts: 'a' })], { dryRun })

  const planned = await run(true)
  t.strictSame(planned.changed, [`a local file ${path}`])
  t.throws(() => lstatSync(join(dir, 'new')), 'a dry run writes nothing')
  t.strictSame((await run()).changed, planned.changed)
  t.equal(readFileSync(path, 'utf8'), 'hunter22')
  t.equal(statSync(path).mode & 0o777, 0o600)
  t.strictSame((await run()).changed, [])

  content = now => `${now ?? ''}!`
  t.strictSame((await run(true)).changed, planned.changed)
  t.strictSame((await run()).code, 0)
  t.equal(readFileSync(path, 'utf8'), 'hunter22!')

  await t.test(
    'hosts that add to it at the same time do not overwrite each other’s entries',
    async t => {
      const shared = join(dir, 'shared')
      const add = tasks(async host => {
        const line = `${host}\n`
        const content = (now = '') => (now.includes(line) ? now : now + line)
        await localFile(shared, { content })
      })
      const ran = await hosts.run([one(add)])
      t.equal(ran.code, 0, ran.failures.join('\n'))
      t.strictSame(readFileSync(shared, 'utf8').split('\n').sort(), ['', 'a', 'b', 'c', 'd'])
    },
  )

  await t.test('a link is followed', async t => {
    mkdirSync(join(dir, 'real'))
    writeFileSync(join(dir, 'real/file'), 'old')
    const link = join(dir, 'link')
    symlinkSync(join(dir, 'real/file'), link)
    const ran = await hosts.run([
      one(
        tasks(() => localFile(link, { content: 'new', mode: '0644' })),
        { hosts: 'a' },
      ),
    ])
    t.equal(ran.code, 0)
    t.ok(lstatSync(link).isSymbolicLink())
    t.equal(readFileSync(join(dir, 'real/file'), 'utf8'), 'new')
    t.equal(statSync(link).mode & 0o777, 0o644)
  })

  await t.test('a file that cannot be read or written is named', async t => {
    const inFile = join(path, 'below')
    const ran = await hosts.run([
      one(
        tasks(() => localFile(inFile, { content: 'x' })),
        { hosts: 'a' },
      ),
    ])
    t.match(ran.failures, [/cannot read .*below on the controller: ENOTDIR/])
  })
})

void t.test(
  'a host’s file is copied to this machine as a Secret; until it exists it is a planned change',
  async t => {
    const hosts = new Hosts(t)
    const path = join(t.testdir({}), 'copy')
    const r = tasks(async () => {
      await file('/srv/key', { content: 'hunter22' })
      await localFile(path, { content: await readSecret('/srv/key') })
    })
    const expected = ['a file /srv/key', `a local file ${path}`]
    t.strictSame((await hosts.run([one(r, { hosts: 'a' })], { dryRun: true })).changed, expected)
    const done = await hosts.run([one(r, { hosts: 'a' })])
    t.equal(done.code, 0, done.failures.join('\n'))
    t.strictSame(done.changed, expected)
    t.equal(readFileSync(path, 'utf8'), 'hunter22')
    t.notMatch(JSON.stringify(done.events), 'hunter22')
    const never = tasks(async () => localFile(path, { content: await readSecret('/srv/nothing') }))
    const ran = await hosts.run([one(never, { hosts: 'a' })])
    t.match(ran.failures, [/the content of .*copy is still unknown/])
  },
)

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { editFile, memoryDirectory, withScratch } from '../../lib/secrets/scratch.ts'

const mine = () =>
  readdirSync('/dev/shm').filter(name => name.startsWith(`fmc-secrets-${process.pid}-`))
const here = (name: string) => fileURLToPath(new URL(name, import.meta.url))

t.test('the text is in a private file in memory, and only while it is edited', async t => {
  let seen = ''
  const result = await withScratch('s.yaml', 'text', {}, path => {
    seen = path
    t.equal(dirname(dirname(path)), '/dev/shm')
    t.equal(statSync(path).mode & 0o777, 0o600)
    t.equal(statSync(dirname(path)).mode & 0o777, 0o700)
    return Promise.resolve('result')
  })
  t.equal(result, 'result')
  t.notOk(existsSync(dirname(seen)))
  const fails = withScratch('s.yaml', 'text', {}, path => {
    seen = path
    return Promise.reject(new Error('oh'))
  })
  await t.rejects(fails, { message: 'oh' })
  t.notOk(existsSync(dirname(seen)), 'also after an error')
})

t.test('a disk is refused', async t => {
  t.equal(await memoryDirectory({}), '/dev/shm')
  t.equal(await memoryDirectory({ XDG_RUNTIME_DIR: t.testdir() }), '/dev/shm')
  const own = `/dev/shm/fmc-test-runtime-${process.pid}`
  mkdirSync(own, { recursive: true })
  t.teardown(() => rmSync(own, { recursive: true }))
  t.equal(await memoryDirectory({ XDG_RUNTIME_DIR: own }), own)
  const disks = [t.testdir(), '/nowhere']
  await t.rejects(memoryDirectory({}, disks), {
    name: 'UsageError',
    message: `no file system in memory (tmpfs) for editing; tried ${disks.join(', ')}`,
  })
})

t.test('an editor with arguments, a failing one, a missing one', async t => {
  const started = () => undefined
  const run = (editor: string) =>
    withScratch('s.yaml', 'one\n', {}, path =>
      editFile(path, { ...process.env, VISUAL: '', EDITOR: editor }, started),
    )
  t.equal(await run('sed -i s/one/two/'), 'two\n')
  await t.rejects(run('false'), { message: 'the editor (false) ended with 1; nothing was saved' })
  await t.rejects(run('no-such-editor-9 2>/dev/null'), {
    message: /ended with 127; nothing was saved/,
  })
})

for (const signal of ['SIGTERM', 'SIGHUP', 'SIGQUIT'] as const)
  t.test(`${signal} while editing removes the text and ends the editor`, async t => {
    const child = spawn(process.execPath, [...process.execArgv, here('fixtures/scratch.ts')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    // The first line: the editor prints to the same stdout, and both may come at once.
    const [path] = (await once(createInterface(child.stdout), 'line')) as [string]
    t.ok(existsSync(path))
    // 'close': the editor, which has the same stdout, has ended too.
    const ended = new Promise<unknown>(resolve => child.once('close', (...how) => resolve(how)))
    child.kill(signal)
    t.same(await ended, [128 + { SIGTERM: 15, SIGHUP: 1, SIGQUIT: 3 }[signal], null])
    t.notOk(existsSync(dirname(path)))
  })

t.test('the next run removes what a SIGKILL has left behind', async t => {
  const { pid } = spawnSync('true')
  const left = join('/dev/shm', `fmc-secrets-${pid}-abcdef`)
  mkdirSync(left, { mode: 0o700 })
  await withScratch('s.yaml', 'text', {}, path => {
    t.notOk(existsSync(left))
    t.same(mine(), [basename(dirname(path))])
    return Promise.resolve()
  })
  t.same(mine(), [])
})

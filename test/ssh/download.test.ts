import { randomBytes } from 'node:crypto'
import { spawnSync } from 'node:child_process'
import {
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { download, downloadExamined, examine } from '../../lib/ssh/download.ts'
import { openSession } from '../../lib/ssh/index.ts'
import type { Output, Session } from '../../lib/ssh/types.ts'
import { startSshd } from './rig.ts'

const MB = 1024 * 1024

void t.test('a file of the host', async t => {
  const dir = t.testdir()
  const sshd = await startSshd(dir)
  t.teardown(() => sshd.stop())
  const { session } = await openSession(sshd.target())
  t.teardown(() => session.close())
  let n = 0
  const local = (): string => join(dir, `local-${n++}`)
  const remote = (name: string, content: string | Buffer): string => {
    writeFileSync(join(dir, name), content)
    return join(dir, name)
  }

  await t.test('copied byte by byte, in several pieces, for its owner only', async t => {
    const rows: readonly [name: string, content: Buffer][] = [
      ['empty', Buffer.alloc(0)],
      ['every byte', Buffer.from(Array.from({ length: 256 }, (_, i) => i))],
      ["a 'quoted' $(name)", Buffer.from('x')],
      ['-n', Buffer.from('a name like an option\n')],
      ['large', randomBytes(7 * MB + 1)],
    ]
    for (const [name, content] of rows) {
      const path = remote(name, content)
      const to = local()
      t.equal(await download(session, path, to, 100 * MB), content.length, name)
      t.ok(readFileSync(to).equals(content))
      t.equal(statSync(to).mode & 0o777, 0o600)

      const found = await examine(session, path, 100 * MB)
      t.equal(found.size, content.length)
      const again = local()
      await downloadExamined(session, path, again, found)
      t.ok(readFileSync(again).equals(content), `${name}, examined`)
    }
  })

  await t.test('what is no regular file, or too large', async t => {
    mkdirSync(join(dir, 'folder'))
    spawnSync('mkfifo', [join(dir, 'fifo')])
    const big = remote('big', 'x'.repeat(2 * MB))
    for (const path of [join(dir, 'none'), join(dir, 'folder'), join(dir, 'fifo'), '/dev/null'])
      for (const ask of [
        download(session, path, local(), MB),
        examine(session, path, MB),
      ] as Promise<unknown>[])
        await t.rejects(ask, {
          name: 'TaskError',
          message: new RegExp(`^${path} cannot be copied: .*`),
        })
    for (const ask of [
      download(session, big, local(), MB),
      examine(session, big, MB),
    ] as Promise<unknown>[])
      await t.rejects(ask, {
        message: `${big} cannot be copied: it has 2.0 MiB; the limit is 1.0 MiB`,
      })
    t.equal((await session.run('echo on')).stdout, 'on\n', 'the session lives on')
  })

  await t.test('no file of this machine is replaced', async t => {
    const path = remote('new', 'new')
    const to = remote('mine', 'mine')
    await t.rejects(download(session, path, to, MB), { code: 'EEXIST' })
    t.equal(readFileSync(to, 'utf8'), 'mine')
  })

  await t.test('a link that a user of the host made is not followed', async t => {
    const secret = remote('shadow', 'root only')
    const theirs = join(dir, 'theirs')
    mkdirSync(theirs)
    symlinkSync(secret, join(theirs, 'report'))
    chownSync(theirs, 65534, 65534)
    await t.rejects(examine(session, join(theirs, 'report'), MB), {
      message: /report cannot be copied: /,
    })
    const expected = await examine(session, secret, MB)
    const to = local()
    await t.rejects(downloadExamined(session, join(theirs, 'report'), to, expected), {
      message: /report cannot be copied: /,
    })
    t.equal(existsSync(to) ? readFileSync(to, 'utf8') : '', '', 'nothing of it arrived')
  })

  await t.test('a file that changed since it was examined', async t => {
    const path = remote('changing', 'before')
    const expected = await examine(session, path, MB)
    writeFileSync(path, 'longer than before')
    await t.rejects(downloadExamined(session, path, local(), expected), {
      message: /it changed during the copy: expected 6 of its 6 bytes and received 6/,
    })
    writeFileSync(path, 'BEFORE')
    await t.rejects(downloadExamined(session, path, local(), expected), {
      message: /it changed during the copy$/,
    })
  })

  await t.test('a file larger than the free space here', async t => {
    const path = remote('small', 'x')
    const expected = { size: Number.MAX_SAFE_INTEGER, sum: '' }
    await t.rejects(downloadExamined(session, path, local(), expected), {
      message: /MiB, but .* has only [\d.]+ MiB free/,
    })
  })
})

void t.test('a host that answers something else', async t => {
  const SUM = 'a'.repeat(64)
  const answers = (...outputs: readonly Partial<Output>[]): Session => {
    const queue = [...outputs]
    const run = () => Promise.resolve({ code: 0, stdout: '', stderr: '', ...queue.shift() })
    return { run } as unknown as Session
  }
  const size = { stdout: `3\n${SUM}  -\n` }
  const rows: readonly [what: string, outputs: readonly Partial<Output>[], why: RegExp][] = [
    ['nothing', [{}], /the host did not report its size$/],
    ['an error', [{ code: 1, stderr: 'no such device' }], /no such device$/],
    ['words', [{ stdout: 'three\n' }], /the host did not report its size$/],
    ['no checksum', [{ stdout: '3\n' }], /the host reported no checksum$/],
    ['a failed piece', [size, { code: 5 }], /exit code 5$/],
    ['no base64', [size, { stdout: '!!!\n3\n' }], /something other than a piece of the file$/],
    ['more lines', [size, { stdout: 'YWJj\n3\n\nmore' }], /other than a piece of the file$/],
    ['fewer bytes', [size, { stdout: 'YWI=\n3\n' }], /expected 3 of its 3 bytes and received 2$/],
    ['another size', [size, { stdout: 'YWJj\n4\n' }], /expected 3 of its 3 bytes and received 3$/],
    ['another file', [size, { stdout: 'YWJj\n3\n' }], /it changed during the copy$/],
  ]
  const dir = t.testdir()
  for (const [i, [what, outputs, why]] of rows.entries())
    await t.rejects(
      download(answers(...outputs), '/srv/x', join(dir, `${i}`), MB),
      { name: 'TaskError', message: why },
      what,
    )
})

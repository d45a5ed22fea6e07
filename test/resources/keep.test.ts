// What a host can make the controller write with `keep`: nothing without a name, a size and an end that fmc checks.
import { execFileSync, spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { take as takeFrom, takenFiles } from '../../lib/engine/host/take.ts'
import { TaskError } from '../../lib/errors.ts'
import { keep, type KeepOptions } from '../../lib/resources/keep.ts'
import { within, type Scope, type TaskRun } from '../../lib/resources/scope.ts'
import { download } from '../../lib/ssh/download.ts'
import type { Output, ScriptOptions, Session } from '../../lib/ssh/types.ts'

type Run = (script: string, options?: ScriptOptions) => Promise<Output>

/** A host's shell, here. */
const sh: Run = (script, { timeoutMs = 5000 } = {}) =>
  new Promise(resolve => {
    const child = spawn('sh', ['-c', script], { timeout: timeoutMs, killSignal: 'SIGKILL' })
    const out = { stdout: '', stderr: '' }
    for (const name of ['stdout', 'stderr'] as const)
      child[name].on('data', (chunk: Buffer) => (out[name] += chunk.toString()))
    child.on('close', code => resolve({ code: code ?? 137, ...out }))
  })

const session = (run: Run): Session => ({
  target: { name: 'h', address: '127.0.0.1', port: 22, user: 'root', sudo: false },
  trips: 0,
  word: 'w',
  shellPid: 0,
  lost: false,
  run,
  upload: () => Promise.reject(new Error('no')),
  connected: () => Promise.reject(new Error('a double')),
  interrupt: () => Promise.resolve(),
  close: () => undefined,
})

/** `keep` as the engine runs it, on a host whose shell is `run`. */
const kept = (keepDir: string, run: Run, options: KeepOptions): Promise<unknown> => {
  const take: TaskRun['take'] = (script, into, limits) =>
    takeFrom(session(run), script, into, limits)
  const task: Pick<TaskRun, 'take' | 'permit'> = { take, permit: () => undefined }
  const scope = {
    mode: 'apply',
    settings: { keepDir },
    task: (_: string, body: (run: object) => unknown) => body(task),
  }
  return within(scope as unknown as Scope, () => keep('etcd/one', options))
}

const MIB = 1024 ** 2
const sizeOf = (dir: string): number =>
  existsSync(dir)
    ? readdirSync(dir, { recursive: true, encoding: 'utf8' }).reduce(
        (sum, name) =>
          sum + (statSync(join(dir, name)).isFile() ? statSync(join(dir, name)).size : 0),
        0,
      )
    : 0

/** A host that lies: the whole answer to each script, by what is asked. `size` of what it claims to have. */
const liar = (
  path: string,
  size: number | string,
  piece: (length: number, n: number) => string,
): Run => {
  let n = 0
  return script => {
    const length = /head -c (\d+) /.exec(script)?.[1]
    const stdout =
      length !== undefined
        ? piece(Number(length), n++)
        : script.includes('sha256sum')
          ? // Both this fmc's question and the one before it.
            script.includes('stat -Lc')
            ? `${size}\n${'0'.repeat(64)}  -\n`
            : `${'0'.repeat(64)}  x\n${size}\n`
          : `${path}\n`
    return n > 500
      ? Promise.reject(new TaskError('500 pieces were written, and no end'))
      : Promise.resolve({ code: 0, stdout, stderr: '' })
  }
}

t.test('files come over whole, in pieces', async t => {
  const dir = t.testdir({ host: {}, kept: {} })
  const bytes = { big: randomBytes(7 * MIB + 5), even: randomBytes(3 * MIB), none: Buffer.alloc(0) }
  for (const [name, data] of Object.entries(bytes)) writeFileSync(join(dir, 'host', name), data)
  await kept(join(dir, 'kept'), sh, { script: `ls -1d ${dir}/host/*` })
  const there = join(dir, 'kept/etcd/one')
  t.equal(statSync(there).mode & 0o777, 0o700)
  for (const [name, data] of Object.entries(bytes)) {
    t.ok(readFileSync(join(there, name)).equals(data), name)
    t.equal(statSync(join(there, name)).mode & 0o777, 0o600)
  }
})

t.test('names that a host may not choose', async t => {
  const long = 'x'.repeat(256)
  const bad = [
    ...['/srv/..', '/srv/.', '/..', '/', '//', '/srv/', 'srv/x', '', ' ', '\n', '../x'],
    ...[
      '/srv/.bashrc',
      '/srv/-rf',
      '/srv/a b',
      '/srv/a\tb',
      '/srv/a\0b',
      '/srv/a\rb',
      '/srv/a\u001b[2J',
    ],
    ...[
      '/srv/a\u202eb',
      '/srv/a\u0085',
      '/srv/é',
      '/srv/$(id)',
      '/srv/a;b',
      '/srv/a\\b',
      '/srv/a/*',
    ],
    ...[`/srv/${long}`, `/${'d/'.repeat(2500)}x`, '/a/x\n/b/x', '/a/x\n/b/X', '/a/x\nb'],
  ]
  const dir = t.testdir({ kept: {} })
  for (const text of bad) {
    const run: Run = script =>
      script.includes('name them')
        ? Promise.resolve({ code: 0, stdout: `${text}\n`, stderr: '' })
        : Promise.resolve({ code: 0, stdout: '', stderr: '' })
    const error: unknown = await kept(join(dir, 'kept'), run, { script: 'name them' }).catch(
      (e: unknown) => e,
    )
    t.match(
      error,
      { name: 'TaskError', message: /^the script named / },
      JSON.stringify(text.slice(0, 40)),
    )
    t.match(error, { message: /^[\x20-\x7e]{1,300}$/ })
    t.equal(
      existsSync(join(dir, 'kept/etcd/one')) || existsSync(join(dir, 'kept/etcd/one.part')),
      false,
    )
  }
  t.throws(() => takenFiles('/a\n/b\n/c\n', 2), /3 files instead of at most 2/)
  t.throws(() => takenFiles('/x\n'.repeat(2_000_000), 100), /more than 100 files/)
  t.strictSame(takenFiles('/var/db/fmc-m1-1790000000\n/var/token\n', 2), [
    { path: '/var/db/fmc-m1-1790000000', name: 'fmc-m1-1790000000' },
    { path: '/var/token', name: 'token' },
  ])
})

t.test('a host that invents sizes and pieces writes nothing here', async t => {
  const dir = t.testdir({ kept: {} })
  const base64 = (length: number): string => Buffer.alloc(length).toString('base64')
  const honest = (size: number) => (length: number) => `${base64(length)}\n${size}\n`
  const cases: readonly [what: string, run: Run, message: RegExp][] = [
    ['petabytes', liar('/x', 2 ** 50, honest(2 ** 50)), /the limit is 10\.0 MiB/],
    ['more than a number can say', liar('/x', '9'.repeat(20), honest(0)), /the limit is 10\.0 MiB/],
    ['no number', liar('/x', '1e9', honest(0)), /did not report its size/],
    ['a negative one', liar('/x', -1, honest(-1)), /did not report its size/],
    ['one byte too many', liar('/x', 10 * MIB + 1, honest(0)), /the limit is 10\.0 MiB/],
    [
      'pieces longer than asked for',
      liar('/x', 6 * MIB, n => `${base64(n * 2)}\n${6 * MIB}\n`),
      /changed during the copy/,
    ],
    ['pieces shorter', liar('/x', 6 * MIB, () => `QUFB\n${6 * MIB}\n`), /changed during the copy/],
    ['empty pieces', liar('/x', 6 * MIB, () => `\n${6 * MIB}\n`), /changed during the copy/],
    ['it grows', liar('/x', 6 * MIB, n => `${base64(n)}\n${7 * MIB}\n`), /changed during the copy/],
    [
      'no base64',
      liar('/x', 6 * MIB, n => `${'*'.repeat(n)}\n${6 * MIB}\n`),
      /other than a piece of the file/,
    ],
    ['wrapped base64', liar('/x', 6, () => 'QUFB\nQUFB\n6\n'), /other than a piece of the file/],
    ['url-safe base64', liar('/x', 3, () => '-_-_\n3\n'), /other than a piece of the file/],
    ['bits that mean nothing', liar('/x', 1, () => 'QR==\n1\n'), /other than a piece of the file/],
    ['other bytes', liar('/x', 3, () => 'QUFB\n3\n'), /changed during the copy/],
  ]
  for (const [what, run, message] of cases) {
    const before = process.memoryUsage().rss
    let most = 0
    const watch: Run = async (script, o) => {
      const output = await run(script, o)
      most = Math.max(most, sizeOf(join(dir, 'kept')))
      return output
    }
    await t.rejects(
      kept(join(dir, 'kept'), watch, { script: 'name them', maxBytes: 10 * MIB }),
      { name: 'TaskError', message },
      what,
    )
    t.ok(most <= 10 * MIB, `${what}: ${most} bytes at most`)
    t.ok(process.memoryUsage().rss - before < 300 * MIB, `${what}: memory`)
    t.strictSame(readdirSync(join(dir, 'kept/etcd')), [], `${what}: nothing is left`)
  }
})

t.test('the limit is of all files together', async t => {
  const dir = t.testdir({ host: {}, kept: {} })
  for (const name of ['a', 'b']) writeFileSync(join(dir, 'host', name), Buffer.alloc(MIB))
  const script = `ls -1d ${dir}/host/*`
  await t.rejects(kept(join(dir, 'kept'), sh, { script, maxBytes: 2 * MIB - 1 }), {
    message: /b cannot be copied: it has 1\.0 MiB/,
  })
  t.strictSame(readdirSync(join(dir, 'kept/etcd')), [])
  for (const limits of [{ maxBytes: 0 }, { maxBytes: NaN }, { maxFiles: -1 }, { maxFiles: 1.5 }])
    await t.rejects(kept(join(dir, 'kept'), sh, { script, ...limits }), { name: 'TaskError' })
  await kept(join(dir, 'kept'), sh, { script, maxBytes: 2 * MIB })
  t.strictSame(readdirSync(join(dir, 'kept/etcd')), ['one'])
})

t.test('what is no regular file, or larger than this machine', { timeout: 60_000 }, async t => {
  const dir = t.testdir({ host: { file: 'x', directory: {} }, out: {} })
  const at = (name: string) => join(dir, 'host', name)
  execFileSync('mkfifo', [at('fifo')])
  execFileSync('truncate', ['-s', '4T', at('sparse')])
  mkdirSync(join(dir, 'out/x'), { recursive: true })
  const from = session(sh)
  for (const path of [
    at('fifo'),
    '/dev/zero',
    '/dev/tty',
    at('directory'),
    at('none'),
    `${at('file')}/x`,
  ]) {
    const begun = performance.now()
    await t.rejects(download(from, path, join(dir, 'out/got'), MIB), {
      name: 'TaskError',
      message: /regular file/,
    })
    t.ok(performance.now() - begun < 3000, `${path}: at once`)
  }
  await t.rejects(download(from, at('sparse'), join(dir, 'out/got'), MIB), {
    message: /the limit is 1\.0 MiB/,
  })
  const huge: Run = script =>
    script.includes('sha256sum')
      ? Promise.resolve({ code: 0, stdout: `${2 ** 52}\n${'0'.repeat(64)}  -\n`, stderr: '' })
      : sh(script)
  await t.rejects(download(session(huge), '/x', join(dir, 'out/got'), 2 ** 53), {
    message: /has only [\d.]+ MiB free/,
  })
  t.notOk(existsSync(join(dir, 'out/got')))
})

t.test('a file that changes while it is copied', async t => {
  const dir = t.testdir({ host: {}, out: {} })
  const file = join(dir, 'host/x')
  for (const [what, change] of [
    ['other bytes', () => writeFileSync(file, Buffer.alloc(6 * MIB, 2))],
    ['shorter', () => writeFileSync(file, Buffer.alloc(4 * MIB, 1))],
    ['longer', () => writeFileSync(file, Buffer.alloc(8 * MIB, 1))],
    ['gone', () => execFileSync('rm', [file])],
  ] as const) {
    writeFileSync(file, Buffer.alloc(6 * MIB, 1))
    const run: Run = async (script, o) => {
      const output = await sh(script, o)
      if (script.includes('tail -c +1 ')) change()
      return output
    }
    await t.rejects(
      download(session(run), file, join(dir, 'out', what), 100 * MIB),
      { name: 'TaskError' },
      what,
    )
  }
  const whole = join(dir, 'out/whole')
  writeFileSync(file, randomBytes(1000))
  t.equal(await download(session(sh), file, whole, 1000), 1000)
  t.equal(
    createHash('sha256').update(readFileSync(whole)).digest('hex'),
    createHash('sha256').update(readFileSync(file)).digest('hex'),
  )
})

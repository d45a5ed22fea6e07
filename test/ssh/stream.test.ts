import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { userInfo } from 'node:os'
import t from 'tap'
import { openTerminal, runStreamed, type StreamOptions } from '../../lib/ssh/index.ts'
import { LIMITS } from '../../lib/ssh/link.ts'
import { startSshd, until } from './rig.ts'

const MB = 1024 * 1024

async function* pieces(...texts: readonly (string | Buffer)[]): AsyncGenerator<Buffer> {
  for (const text of texts) yield await Promise.resolve(Buffer.from(text))
}

// What `fmc run`, `fmc logs` and `fmc shell` promise of a single command, over both transports.
for (const transport of ['ssh2', 'openssh'] as const) {
  void t.test(transport, async t => {
    const dir = t.testdir()
    const sshd = await startSshd(dir)
    t.teardown(() => sshd.stop())
    const target = sshd.target({ transport })
    const run = async (script: string, options: Partial<StreamOptions> = {}) => {
      const out: Record<'stdout' | 'stderr', Buffer[]> = { stdout: [], stderr: [] }
      const end = await runStreamed(
        target,
        script,
        { onOutput: (name, bytes) => void out[name].push(Buffer.from(bytes)), ...options },
        { ...LIMITS, graceMs: 500 },
      )
      return {
        ...end,
        stdout: Buffer.concat(out.stdout).toString(),
        stderr: Buffer.concat(out.stderr).toString(),
      }
    }

    await t.test('output on both streams, and the exit code', async t => {
      const rows: readonly [script: string, code: number, stdout: string, stderr: string][] = [
        ['echo one; echo two >&2; exit 3', 3, 'one\n', 'two\n'],
        ['printf "no line end"', 0, 'no line end', ''],
        ['if then', 2, '', '/bin/sh'],
        ["echo 'quoted' \"it's\" '$HOME'", 0, "quoted it's $HOME\n", ''],
        ['cat; echo end', 0, 'end\n', ''],
        ['echo "$0|$#|${_fmc-}${_fmc_t-}"', 0, '/bin/sh|0|\n', ''],
        ['exec 1>&2; echo moved', 0, '', 'moved\n'],
      ]
      for (const [script, code, stdout, stderr] of rows) {
        const got = await run(script)
        t.equal(got.code, code, script)
        t.equal(got.ended, undefined)
        t.equal(got.stdout, stdout)
        if (code === 2) t.match(got.stderr, /[Ss]yntax error/)
        else t.equal(got.stderr, stderr)
      }
    })

    await t.test('a signal that ends the command is 128 and its number', async t => {
      t.equal((await run("sh -c 'kill -9 $$'")).code, 137)
      t.equal((await run('exec sh -c "kill -TERM \\$\\$"')).code, 143)
    })

    await t.test('input arrives whole, also a script of 200 KB before it', async t => {
      const long = `: ${'x'.repeat(200_000)}\ncat`
      t.equal((await run(long, { input: pieces('a', "'b'\n", 'c') })).stdout, "a'b'\nc")
      const bytes = Buffer.alloc(3 * MB, 'z')
      t.equal((await run('wc -c', { input: pieces(bytes, bytes) })).stdout.trim(), `${6 * MB}`)
      t.equal((await run('exit 4', { input: pieces(bytes, bytes) })).code, 4, 'nobody reads it')
    })

    await t.test('input that cannot be read ends the command with its error', async t => {
      async function* broken(): AsyncGenerator<Buffer> {
        yield await Promise.resolve(Buffer.from('first'))
        throw new Error('the disk is gone')
      }
      await t.rejects(run('cat; sleep 60', { input: broken() }), { message: 'the disk is gone' })
    })

    await t.test('a slow reader holds the host back and loses nothing', async t => {
      let size = 0
      const onOutput = async (_: string, bytes: Buffer): Promise<void> => {
        size += bytes.length
        await new Promise(resolve => setTimeout(resolve, 1))
      }
      t.equal((await run(`head -c ${4 * MB} /dev/zero`, { onOutput })).code, 0)
      t.equal(size, 4 * MB)
    })

    await t.test('a process left behind does not keep the command open', async t => {
      const file = join(dir, `left-${transport}`)
      const got = await run(`sleep 300 & echo $! >${file}; echo done`)
      t.same([got.code, got.stdout], [0, 'done\n'])
      process.kill(Number(readFileSync(file, 'utf8')), 'SIGKILL')
    })

    await t.test('as another user, with the rights and variables of that user', async t => {
      const got = await run('id -un; echo "$USER|$LOGNAME|$HOME"; id -G', { asUser: 'nobody' })
      const groups = spawnSync('id', ['-G', 'nobody'], { encoding: 'utf8' }).stdout
      t.equal(got.stdout, `nobody\nnobody|nobody|/nonexistent\n${groups}`)
      t.match(await run('echo no', { asUser: 'nobody-here' }), {
        code: 67,
        stdout: '',
        stderr: /there is no user nobody-here on this host/,
      })
    })

    await t.test('a time limit and a stop end the whole process group', async t => {
      const file = join(dir, `group-${transport}`)
      const script = `sh -c 'echo $$ >${file}; exec sleep 300'; sleep 300`
      const late = await run(script, { timeoutMs: 1500 })
      t.equal(late.ended, 'timeout')
      t.equal(late.code, 143)
      const pid = Number(readFileSync(file, 'utf8'))
      await until(() => spawnSync('kill', ['-0', String(pid)]).status !== 0)

      const stop = new AbortController()
      const begun = join(dir, `begun-${transport}`)
      const stubborn = run(`trap '' TERM; : >${begun}; while :; do sleep 1; done`, {
        stop: stop.signal,
      })
      await until(() => existsSync(begun))
      stop.abort()
      t.match(await stubborn, { ended: 'stop' })

      const before = new AbortController()
      before.abort()
      t.match(await run('sleep 300', { stop: before.signal }), { ended: 'stop' })
    })

    await t.test('giving up and a lost connection are no result', async t => {
      const giveUp = new AbortController()
      const begun = join(dir, `given-${transport}`)
      const waiting = run(`sh -c 'echo $$ >${begun}; exec sleep 300'`, { giveUp: giveUp.signal })
      await until(() => existsSync(begun) && readFileSync(begun).length > 0)
      t.teardown(() => spawnSync('kill', [readFileSync(begun, 'utf8').trim()]))
      giveUp.abort()
      await t.rejects(waiting, {
        name: 'UnreachableError',
        message: 'node1: the connection was closed before the command ended',
      })
      const gone = run('kill -9 $PPID; sleep 3')
      await t.rejects(gone, { name: 'UnreachableError', message: /127\.0\.0\.1/ })
    })
  })
}

void t.test('a shell for a person', async t => {
  const dir = t.testdir()
  const sshd = await startSshd(dir)
  t.teardown(() => sshd.stop())
  const file = join(dir, 'said')
  const open = (command: string, changes = {}) =>
    openTerminal(sshd.target(changes), { terminal: false, command })
  t.equal(await open(`id -un >${file}; exit 7`), 7)
  t.equal(readFileSync(file, 'utf8').trim(), 'root')
  t.equal(userInfo().username, 'root', 'this test runs as root')
  t.equal(await open('exit 255'), 255, 'a command may end with the code of a failed ssh')
  await t.rejects(open('exit 0', { knownHostsFiles: ['/dev/null'] }), {
    name: 'UnreachableError',
    message: /host key/,
  })
})

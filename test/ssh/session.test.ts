import { execFileSync, spawnSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { TaskError, UnreachableError } from '../../lib/errors.ts'
import { openSession, openWith } from '../../lib/ssh/index.ts'
import { LIMITS } from '../../lib/ssh/link.ts'
import { quote } from '../../lib/shell/quote.ts'
import { startSshd, until } from './rig.ts'

const MB = 1024 * 1024
const alive = (pid: number): boolean => spawnSync('kill', ['-0', String(pid)]).status === 0

/** The command lines of all processes on this machine, which is the host too. */
const argvs = (): string =>
  readdirSync('/proc')
    .filter(p => /^\d+$/.test(p))
    .map(p => {
      try {
        return readFileSync(`/proc/${p}/cmdline`, 'latin1')
      } catch {
        return ''
      }
    })
    .join('\n')

// Everything a session promises, over both transports.
for (const transport of ['ssh2', 'openssh'] as const) {
  void t.test(transport, async t => {
    const dir = t.testdir()
    const sshd = await startSshd(dir)
    t.teardown(() => sshd.stop())
    const target = sshd.target({ transport })
    const open = async (boot?: string, limits = {}) => {
      const opened = await openWith({ ...LIMITS, ...limits }, target, boot)
      t.teardown(() => opened.session.close())
      return opened
    }
    const { session } = await open()

    await t.test('the boot script costs no trip of its own', async t => {
      const { session, first } = await open('printf hello; printf oops >&2; ( exit 3 )')
      t.same(await first, { code: 3, stdout: 'hello', stderr: 'oops' })
      t.equal(session.trips, 1)
      t.equal((await session.run('echo $$')).stdout, `${session.shellPid}\n`)
      t.equal(session.trips, 2)
    })

    await t.test(
      'a boot script of 300 KB, and one with quotes and every printable character',
      async t => {
        const big = await open(`: ${'x'.repeat(300_000)}\nexec 9>/dev/null; printf big`)
        t.equal((await big.first)?.stdout, 'big')
        const text =
          Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i)).join('') + '\n\t€'
        const { first, session } = await open(`exec 9>&1; printf %s ${quote(text)}`)
        t.equal((await first)?.stdout, text)
        t.equal(
          (await session.run('printf x >&9')).stdout,
          'x',
          'descriptors that boot opened stay open',
        )
      },
    )

    await t.test('environment', async t => {
      const { stdout } = await session.run('echo "$HOME|$PATH|$LC_ALL|$(umask)|$PWD"')
      t.equal(
        stdout,
        '/root|/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/bin|C|0022|/\n',
      )
    })

    await t.test('exit codes, signals, streams apart, no fork', async t => {
      for (const code of [0, 1, 2, 127, 255])
        t.equal((await session.run(`( exit ${code} )`)).code, code)
      t.equal((await session.run("sh -c 'kill -9 $$'")).code, 137)
      t.same(await session.run('echo a; echo b >&2'), { code: 0, stdout: 'a\n', stderr: 'b\n' })
      await session.run('kept=yes')
      t.equal((await session.run('printf %s "$kept"')).stdout, 'yes')
    })

    await t.test('the last line of a running script is passed on', async t => {
      const lines: string[] = []
      const onLine = (line: string): void => void lines.push(line)
      const { stdout } = await session.run('echo one; echo two >&2; sleep 0.6; echo three', {
        onLine,
      })
      t.equal(stdout, 'one\nthree\n')
      t.ok(lines.includes('one') || lines.includes('two'))
      t.ok(
        lines.every(line => ['one', 'two', 'three'].includes(line)),
        lines.join(),
      )
      lines.length = 0
      await session.run('echo of another script')
      t.strictSame(lines, [])
    })

    await t.test(
      'a syntax error and an exit inside ( eval … ) leave the session intact',
      async t => {
        t.equal((await session.run(`( eval ${quote('if then')} )`)).code, 2)
        t.equal((await session.run(`( eval ${quote('exit 7')} )`)).code, 7)
        t.equal((await session.run('echo on')).stdout, 'on\n')
      },
    )

    await t.test('scripts queue in order', async t => {
      const outputs = await Promise.all(
        Array.from({ length: 20 }, (_, i) => session.run(`sleep 0.0${i % 3}; echo ${i}`)),
      )
      t.same(
        outputs.map(o => o.stdout),
        Array.from({ length: 20 }, (_, i) => `${i}\n`),
      )
    })

    await t.test('a script of 300 KB', async t => {
      const text = randomBytes(150_000).toString('hex')
      t.equal((await session.run(`printf %s '${text}'`)).stdout, text)
    })

    await t.test('output that looks like marks, escapes, and a background process', async t => {
      const seen = (await session.run("cat /proc/$$/cmdline | tr '\\0' ' '")).stdout
      t.match(seen, 'sh')
      const noise = '\x1eabc:1:000;\x1e\x1e:;\x1b[2J\x1b]0;title\x07\r\n\x00\x7f'
      t.equal((await session.run('cat', { input: noise })).stdout, noise)
      await session.run('( sleep 0.2; echo late; echo late >&2 ) &')
      t.equal((await session.run('sleep 0.4; echo mine')).stdout.replace('late\n', ''), 'mine\n')
    })

    await t.test('input: every byte, text, nothing, unread, in no argv', async t => {
      const bytes = Buffer.from(Array.from({ length: 512 }, (_, i) => i % 256))
      const hash = createHash('sha256').update(bytes).digest('hex')
      t.match((await session.run('sha256sum', { input: bytes })).stdout, hash)
      const noNul = bytes.filter(b => b !== 0)
      const noNulHash = createHash('sha256').update(noNul).digest('hex')
      t.match((await session.run('sha256sum', { input: Buffer.from(noNul) })).stdout, noNulHash)
      t.equal(
        (await session.run('cat', { input: "it's $HOME `x`\n€" })).stdout,
        "it's $HOME `x`\n€",
      )
      t.equal((await session.run('wc -c', { input: '' })).stdout.trim(), '0')
      t.equal((await session.run('cat; echo end')).stdout, 'end\n', 'stdin is /dev/null')
      t.equal((await session.run('echo no; exit 4', { input: 'x'.repeat(MB) })).code, 4)
      const marker = randomBytes(8).toString('hex')
      const [begun, go] = [join(dir, `begun-${transport}`), join(dir, `go-${transport}`)]
      const slow = session.run(`: >${begun}; while ! [ -e ${go} ]; do sleep 0.05; done; wc -c`, {
        input: `${marker}\0`,
      })
      await until(() => existsSync(begun))
      t.notOk(argvs().includes(marker))
      writeFileSync(go, '')
      t.equal((await slow).stdout.trim(), '17')
    })

    await t.test('16 MB of output; more is an error and the session lives', async t => {
      const { stdout } = await session.run(`head -c ${16 * MB} /dev/zero | tr '\\0' x`)
      t.equal(stdout.length, 16 * MB)
      t.match(await session.run('yes').catch((e: unknown) => e), {
        name: 'TaskError',
        message: /more than 16 MB/,
      })
      t.equal((await session.run('echo on')).stdout, 'on\n')
    })

    await t.test('a lower limit, on either stream', async t => {
      for (const to of ['', ' >&2']) {
        t.match(await session.run(`yes${to}`, { maxBytes: 100 * 1024 }).catch((e: unknown) => e), {
          name: 'TaskError',
          message: /more than 100 KB/,
          output: /y\ny/,
        })
        t.equal((await session.run('echo on')).stdout, 'on\n')
      }
      t.match(
        await session
          .run('while :; do echo builtin; done', { maxBytes: 1024 })
          .catch((e: unknown) => e),
        { name: 'TaskError', message: /more than 1 KB/ },
      )
      t.equal((await session.run('echo on')).stdout, 'on\n')
    })

    await t.test('only the last bytes, of more output than the usual limit', async t => {
      const { stdout, code } = await session.run('seq 3000000', { lastBytes: 1000 })
      t.equal(code, 0)
      t.match(stdout, /2999999\n3000000\n$/)
      t.ok(stdout.length >= 1000 && stdout.length < 4 * MB)
      t.equal((await session.run('echo on')).stdout, 'on\n')
    })

    await t.test('NUL in a command is refused', async t => {
      await t.rejects(session.run('echo \0'), { name: 'TaskError', message: /NUL/ })
      await t.rejects(open('echo \0'), { name: 'TaskError' })
    })

    await t.test('a time limit ends the remote process, the session lives', async t => {
      const file = join(dir, `pid-${transport}`)
      const slow = session.run(`sh -c 'echo $$ >${file}; exec sleep 60'; sleep 60`, {
        timeoutMs: 3000,
      })
      const after = session.run('echo on')
      await t.rejects(slow, {
        name: 'TaskError',
        message: /took longer than 3 s/,
        command: /sleep 60/,
      })
      t.notOk(alive(Number(readFileSync(file, 'utf8'))), 'the remote process is dead')
      t.equal((await after).stdout, 'on\n')
    })

    await t.test('a time limit ends a loop in a shell function too', async t => {
      const { session } = await open(undefined, { graceMs: 1000 })
      const loop = session.run('f() { while :; do sleep 5; done; }; f', { timeoutMs: 300 })
      await t.rejects(loop, { message: /took longer/ })
    })

    await t.test('a command that ignores TERM is killed, and the session with it', async t => {
      const { session } = await open(undefined, { graceMs: 300 })
      const file = join(dir, `stubborn-${transport}`)
      const stubborn = session.run(
        `sh -c 'trap "" TERM; echo $$ >${file}; while :; do sleep 1; done'`,
        { timeoutMs: 3000 },
      )
      const queued = session.run('echo never').catch((e: unknown) => e)
      await t.rejects(stubborn, { name: 'TaskError', message: /took longer than 3 s/ })
      t.type(await queued, UnreachableError)
      const pid = Number(readFileSync(file, 'utf8'))
      await until(() => !alive(pid))
    })

    await t.test('interrupt', async t => {
      const { session } = await open()
      const begun = join(dir, `running-${transport}`)
      const running = session.run(`: >${begun}; sleep 60; echo not reached`)
      await until(() => existsSync(begun))
      await session.interrupt('TERM')
      t.match(await running, { code: 143, stdout: '' })
      t.equal((await session.run('echo on')).stdout, 'on\n')
      const last = session.run('sleep 60').catch((e: unknown) => e)
      await session.interrupt('KILL')
      t.ok((await last) instanceof Error)
      await t.rejects(session.run('echo x'), { name: 'UnreachableError' })
    })

    await t.test('a script that ends the shell fails, and so do the queued ones', async t => {
      for (const script of ['exit 5', 'if then', 'kill -9 $$']) {
        const { session } = await open()
        const bad = session.run(script).catch((e: unknown) => e)
        const next = session.run('echo x').catch((e: unknown) => e)
        // OpenSSH's client reports a death by signal as 255, like a lost connection.
        t.type(
          await bad,
          transport === 'openssh' && script.startsWith('kill') ? UnreachableError : TaskError,
        )
        t.type(await next, UnreachableError)
        await t.rejects(session.run('echo y'), { name: 'UnreachableError' })
      }
    })

    await t.test('the connection dies: running and queued commands are unreachable', async t => {
      const { session } = await open()
      const { stdout } = await session.run(
        'read -r s </proc/$$/stat; s=${s##*) }; set -- $s; echo $2',
      )
      const running = session.run('sleep 60').catch((e: unknown) => e)
      const queued = session.run('echo x').catch((e: unknown) => e)
      process.kill(Number(stdout), 'SIGKILL')
      t.match(await running, { name: 'UnreachableError', message: /node1/ })
      t.match(await queued, { name: 'UnreachableError' })
    })

    await t.test('a host that stops answering is noticed', async t => {
      const { session } = await open(undefined, { keepaliveMs: 1000, keepaliveCount: 2 })
      const { stdout } = await session.run(
        'read -r s </proc/$$/stat; s=${s##*) }; set -- $s; echo $2',
      )
      const started = Date.now()
      const running = session.run('sleep 60').catch((e: unknown) => e)
      process.kill(Number(stdout), 'SIGSTOP')
      t.teardown(() => process.kill(Number(stdout), 'SIGKILL'))
      t.match(await running, { name: 'UnreachableError' })
      t.ok(
        Date.now() - started < LIMITS.keepaliveMs * LIMITS.keepaliveCount,
        'its own limits count',
      )
    })

    await t.test('close rejects the running command', async t => {
      const { session } = await open()
      const running = session.run('sleep 1').catch((e: unknown) => e)
      session.close()
      t.match(await running, { name: 'UnreachableError', message: /closed/ })
    })

    await t.test('upload', async t => {
      const local = join(dir, `local-${transport}`)
      const remote = join(dir, `remote '$(x)-${transport}`)
      const bytes = randomBytes(transport === 'ssh2' ? 10 * MB : 2 * MB)
      writeFileSync(local, bytes)
      writeFileSync(remote, 'old', { mode: 0o644 })
      await session.upload(local, remote)
      const staged = `${remote}.fmc-new`
      t.ok(readFileSync(`${staged}/new`).equals(bytes), 'the same bytes')
      t.equal(statSync(`${staged}/new`).mode & 0o777, 0o600)
      t.equal(statSync(staged).mode & 0o777, 0o700)
      t.equal(readFileSync(remote, 'utf8'), 'old', 'what is there stays')
      await Promise.all(
        Array.from({ length: 6 }, (_, i) => session.upload(local, join(dir, `many-${i}`))),
      )
      t.equal(
        execFileSync(
          'sh',
          ['-c', `sha256sum ${join(dir, 'many-')}*/new | cut -c1-64 | sort -u | wc -l`],
          { encoding: 'utf8' },
        ),
        '1\n',
      )
      await t.rejects(session.upload(join(dir, 'none'), remote), {
        name: 'TaskError',
        message: /ENOENT/,
      })
      await t.rejects(session.upload(local, '/proc/none/x'), {
        name: 'TaskError',
        message: /\/proc\/none\/x: there is no directory \/proc\/none$/,
      })
      await t.rejects(session.upload(local, '/dev/full/x'), { name: 'TaskError' })
    })

    await t.test('an upload whose connection drops leaves nothing', async t => {
      const { session } = await open()
      const local = join(dir, `big-${transport}`)
      const remote = join(dir, `cut-${transport}`)
      execFileSync('truncate', ['-s', '3G', local])
      const cut = session.upload(local, remote).catch((e: unknown) => e)
      const part = `${remote}.fmc-new/new`
      await until(() => existsSync(part) && statSync(part).size > MB)
      session.close()
      t.ok((await cut) instanceof Error)
      await until(() => !existsSync(`${remote}.fmc-new`))
    })
  })
}

void t.test('openSession with its own limits', async t => {
  const sshd = await startSshd(t.testdir())
  t.teardown(() => sshd.stop())
  const { session, first } = await openSession(sshd.target())
  t.equal(first, undefined)
  t.equal((await session.run('echo x')).stdout, 'x\n')
  session.close()
})

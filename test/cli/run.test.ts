import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { quoteAll } from '../../lib/shell/quote.ts'
import { ROOT, run, type Ran } from '../rig/lab.ts'
import { startSshd, until, type Sshd } from '../ssh/rig.ts'

const BIN = join(ROOT, 'lib/bin.js')

/** Three hosts that answer (they are this machine), and one that does not. */
const inventory = (port: number, key: string, transport: string): string => {
  const ssh = (p: number): string =>
    `ssh: { port: ${p}, identity_file: ${key}, transport: ${transport} }`
  const nics = (n: number): string => `nics: [{ network: lan, address: 127.0.0.${n} }]`
  return `timezone: UTC
domain: test.internal
networks: { lan: { cidr: 127.0.0.0/24, mode: bridge, gateway: 127.0.0.254 } }
groups: { up: { hosts: [a, long-name, c] } }
hosts:
  a: { os: debian 12, ${ssh(port)}, ${nics(1)} }
  dead: { os: debian 12, ${ssh(9)}, ${nics(2)} }
  long-name: { os: debian 12, ${ssh(port)}, ${nics(3)} }
  c: { os: debian 12, ${ssh(port)}, ${nics(4)} }
`
}

/** Adds known_hosts lines for further addresses of the same sshd. */
const knowAs = ({ knownHosts, port }: Sshd, ...addresses: string[]): void => {
  const line = readFileSync(knownHosts, 'utf8')
  for (const address of addresses)
    appendFileSync(knownHosts, line.replace(`[127.0.0.1]:${port}`, `[${address}]:${port}`))
}

for (const transport of ['ssh2', 'openssh'])
  void t.test(transport, async t => {
    const dir = t.testdir()
    const sshd = await startSshd(dir, {
      config: 'ListenAddress 127.0.0.3\nListenAddress 127.0.0.4',
    })
    t.teardown(() => sshd.stop())
    knowAs(sshd, '127.0.0.3', '127.0.0.4')
    const file = join(dir, 'inventory.yaml')
    writeFileSync(file, inventory(sshd.port, sshd.key, transport))
    const argv = (...args: string[]): string[] => {
      const [command = '', ...rest] = args
      return [process.execPath, BIN, command, '-i', file, ...rest]
    }
    /** What does not depend on the transport. */
    const onlyOnce = { skip: transport === 'openssh' && 'as over ssh2' }
    const env = { FMC_CACHE: join(dir, 'cache') }
    const start = (...args: string[]): ChildProcessWithoutNullStreams => {
      const [program = '', ...rest] = argv('run', ...args)
      return spawn(program, rest, { env: { ...process.env, ...env } })
    }
    const fmc = (args: string[], input?: string): Promise<Ran> =>
      run(argv('run', ...args), { env, ...(input === undefined ? {} : { input }) })

    await t.test('every line has its host, stderr goes to stderr, the summary is last', async t => {
      const ran = await fmc(['all', '--', 'echo one; echo two >&2; printf three; exit 3'])
      t.equal(ran.code, 2)
      t.strictSame(
        ran.stdout.split('\n').sort(),
        [
          '',
          ...['a        ', 'c        ', 'long-name'].flatMap(h => [`${h} | one`, `${h} | three`]),
        ].sort(),
      )
      t.match(ran.stderr, /^a {9}\| two$/m)
      t.match(
        ran.stderr,
        /\n\na: {9}exit 3\nlong-name: exit 3\nc: {9}exit 3\ndead: {6}unreachable: cannot reach dead [^\n]*\n4 hosts: 3 failed, 1 unreachable\n$/,
      )
      const fine = await fmc(['a,dead', '--', 'true'])
      t.equal(fine.code, 4, 'unreachable')
      t.match(
        fine.stderr,
        /dead: unreachable: [^\n]*\na: {4}exit 0\n/,
        'what went wrong comes first',
      )
      t.equal((await fmc(['c', '--', 'true'])).code, 0)
    })

    await t.test('output comes as it is printed, not at the end', async t => {
      const go = join(dir, `go-${transport}`)
      const child = start(
        'a',
        '--',
        `echo first; while ! [ -e ${go} ]; do sleep 0.05; done; echo last`,
      )
      let seen = ''
      child.stdout.on('data', (d: Buffer) => (seen += d.toString()))
      child.stdin.end()
      await until(() => seen.includes('a | first\n'))
      t.notMatch(seen, 'last')
      writeFileSync(go, '')
      await new Promise(resolve => child.once('close', resolve))
      t.equal(seen, 'a | first\na | last\n')
    })

    await t.test('no host can imitate another one or hide a text', onlyOnce, async t => {
      const lines = [
        ['\\rc | x', 'a | ', 'a | c | x'],
        ['one\\rtwo\\r\\nthree\\n', 'a | one', 'a | two', 'a | three'],
        ['\\033[2K\\033[1Gc | x\\n', 'a | ^[[2K^[[1Gc | x'],
        ['\\302\\233K\\n', 'a | \\x9bK'],
        ['a\\tb\\n', 'a | a       b'],
        ['\\342\\200\\256x\\n', 'a | \\u{202e}x'],
        ['\\377\\n', 'a | \ufffd'],
      ] as const
      for (const [printed, ...shown] of lines) {
        const { stdout } = await fmc(['a', '--', `printf '${printed}'`])
        t.equal(stdout.replace(/\n$/, ''), shown.map(line => line.trimEnd()).join('\n'), printed)
      }
    })

    await t.test('a line without an end, of 5 MB', onlyOnce, async t => {
      const { stdout, code } = await fmc(['a', '--', 'head -c 5000000 /dev/zero | tr "\\0" x'])
      t.equal(code, 0)
      t.ok(stdout.split('\n').every(line => line === '' || line.startsWith('a | x')))
      t.equal(stdout.replaceAll(/a \| |\n/g, '').length, 5_000_000)
    })

    await t.test('more than 16 MB of output pass', onlyOnce, async t => {
      const { stdout, code } = await fmc(['a', '--', 'yes 0123456789abcdef | head -n 1200000'])
      t.equal(code, 0)
      t.equal(stdout.split('\n').length, 1_200_001)
    })

    await t.test('every host gets the whole standard input, byte for byte', async t => {
      const bytes = Buffer.concat([randomBytes(3_000_000), Buffer.from('\0\r\n\x1e')])
      const input = join(dir, 'input')
      writeFileSync(input, bytes)
      const hash = createHash('sha256').update(bytes).digest('hex')
      const line = quoteAll(argv('run', 'up', '--forks', '1', '--', 'sha256sum'))
      const ran = await run(['sh', '-c', `${line} <${input}`], { env })
      t.equal(ran.stdout.match(new RegExp(hash, 'g'))?.length, 3, ran.stderr)
      // Over OpenSSH the pipe often breaks before the command's end arrives, but not each time.
      for (let i = 0; i < 4; i++) {
        const cat = await run(
          [
            'sh',
            '-c',
            `cat ${input} - | ${quoteAll(argv('run', 'up', '--', 'head -c 5 | wc -c'))}`,
          ],
          { env },
        )
        t.equal(cat.code, 0, `a command need not read all of it: ${cat.stderr}`)
      }
      t.equal((await fmc(['a', '--', 'cat; echo end'], '')).stdout, 'a | end\n')
      const endless = start('a', '--', 'echo done')
      t.equal(
        await new Promise(resolve => endless.once('exit', resolve)),
        0,
        'an input that stays open is not waited for',
      )
      endless.stdin.destroy()
      const large = await run(
        [
          'sh',
          '-c',
          `head -c 70000000 /dev/zero | ${quoteAll(argv('run', 'a', '--', 'cat >/dev/null'))}`,
        ],
        { env },
      )
      t.equal(large.code, 2)
      t.match(large.stderr, /a: failed: standard input has more than 64 MB\n {2}fmc copy /)
    })

    await t.test('the time limit ends the command on the host', async t => {
      const mark = join(dir, `mark-${transport}`)
      const begun = Date.now()
      const ran = await fmc(['up', '--timeout', '1', '--', `sleep 31.4159; : >${mark}`])
      t.equal(ran.code, 2)
      t.ok(Date.now() - begun < 20_000)
      t.match(ran.stderr, /^c: {9}timed out after \d+ s; fmc ended the command$/m)
      t.notOk((await run(['pgrep', '-f', '^sleep 31.4159$'])).stdout, 'nothing is left')
      const stubborn = await fmc([
        'a',
        '--timeout',
        '1',
        '--',
        "trap '' TERM; while :; do sleep 0.1; done",
      ])
      t.equal(stubborn.code, 2, 'KILL for what ignores TERM')
      t.notOk(existsSync(mark))
      const long = await fmc(['a', '--timeout', '2147484', '--', 'true'])
      t.match(long, { code: 1, stderr: /--timeout 2147484: expected at most 2147483/ })
    })

    await t.test('Ctrl-C ends the command on every host', async t => {
      const child = start('up', '--', 'echo on; sleep 27.1828')
      let seen = ''
      child.stdout.on('data', (d: Buffer) => (seen += d.toString()))
      child.stdin.end()
      await until(() => seen.split('| on').length === 4)
      child.kill('SIGINT')
      t.equal(await new Promise(resolve => child.once('close', resolve)), 130)
      t.notOk((await run(['pgrep', '-f', '^sleep 27.1828$'])).stdout)
    })

    await t.test('another user', async t => {
      const ran = await fmc(
        ['a', '--become', 'nobody', '--', 'id -un; id -Gn; echo $HOME $USER; cat'],
        'in\n',
      )
      t.equal(ran.stdout, 'a | nobody\na | nogroup\na | /nonexistent nobody\na | in\n', ran.stderr)
      const none = await fmc(['a', '--become', 'nobody-here', '--', 'id'])
      t.match(none.stderr, /^a \| there is no user nobody-here on this host$/m)
      t.equal(none.code, 2)
      const bad = await fmc(['a', '--become', '-x;id', '--', 'id'])
      t.equal(bad.code, 1)
      t.match(bad.stderr, '--become -x;id: this is no name of a user')
    })

    await t.test('exit codes are exact, what is left behind is not waited for', async t => {
      for (const code of [0, 1, 127, 255])
        t.match((await fmc(['a', '--', `exit ${code}`])).stderr, `a: exit ${code}\n`)
      const begun = Date.now()
      const { stdout } = await fmc(['a', '--', 'sleep 20 & echo on'])
      t.equal(stdout, 'a | on\n')
      t.ok(Date.now() - begun < 15_000)
    })

    await t.test('limit and JSON', onlyOnce, async t => {
      const { stdout } = await fmc([
        'all',
        '-l',
        'a',
        '--limit',
        'dead',
        '--output',
        'json',
        '--',
        'printf "x\\033"; exit 5',
      ])
      const lines = stdout
        .trim()
        .split('\n')
        .map(l => JSON.parse(l) as Record<string, unknown>)
      t.match(lines[0], { type: 'version', contract: 1 })
      t.match(
        lines.find(l => l['host'] === 'a'),
        { type: 'host', status: 'failed', code: 5, stdout: 'x\x1b', stderr: '' },
      )
      t.match(
        lines.find(l => l['host'] === 'dead'),
        { type: 'host', status: 'unreachable', message: /cannot reach dead/ },
      )
      t.strictSame(lines.at(-1), {
        type: 'recap',
        ok: 0,
        failed: 1,
        unreachable: 1,
        interrupted: 0,
      })
      t.equal(lines.length, 4)
      t.match(
        (await fmc(['up', '-l', 'dead', '--', 'true'])).stderr,
        '--limit dead matches no host of up',
      )
      t.match((await fmc(['up', '-l', 'deaf', '--', 'true'])).stderr, 'did you mean dead?')
    })

    await t.test('the command is in no argument list on the host', async t => {
      const word = randomBytes(8).toString('hex')
      const { stdout } = await fmc([
        'a',
        '--',
        `: ${word}; cat /proc/$PPID/cmdline /proc/$$/cmdline | tr '\\0' ' '`,
      ])
      t.match(stdout, '/bin/sh')
      t.notMatch(stdout, word)
      t.ok(readFileSync(file, 'utf8'))
    })
  })

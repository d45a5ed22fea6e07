import { randomBytes } from 'node:crypto'
import {
  appendFileSync,
  chmodSync,
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
import { placeOf } from '../../lib/cli/commands/copy.ts'
import { namesOf } from '../../lib/cli/copy-back.ts'
import { TaskError } from '../../lib/errors.ts'
import { ROOT, run } from '../rig/lab.ts'
import { startSshd } from '../ssh/rig.ts'

const BIN = join(ROOT, 'lib/bin.js')

void t.test('places of the command line', t => {
  for (const [text, pattern, path] of [
    ['a:/etc/motd', 'a', '/etc/motd'],
    ['web:&dc1:!n3:/srv/x', 'web:&dc1:!n3', '/srv/x'],
    ['all:/a:/b', 'all', '/a:/b'],
    ['/tmp/x', undefined, '/tmp/x'],
    ['./odd:/x', undefined, './odd:/x'],
    ['../odd:/x', undefined, '../odd:/x'],
    ['file', undefined, 'file'],
    ['a:relative', undefined, 'a:relative'],
    [':/x', undefined, ':/x'],
  ] as const)
    t.strictSame(placeOf(text), pattern === undefined ? { path } : { pattern, path }, text)
  t.end()
})

void t.test('names that a host sends', t => {
  t.strictSame(namesOf('/a', 'dir\0dsub\0fsub/b\0fa\0'), ['a', 'sub/b'])
  t.strictSame(namesOf('/a', 'dir\0'), [])
  for (const bad of [
    '',
    'dir',
    'file\0',
    'dir\0fa',
    'dir\0f../x\0',
    'dir\0fa/../../x\0',
    'dir\0f/etc/x\0',
    'dir\0f\0',
    'dir\0f.\0',
    'dir\0fa//b\0',
    'dir\0la\0',
    'dir\0pa\0',
    'dir\0fa\nb\0',
    'dir\0fa\u001b\0',
    'dir\0fa\ufffd\0',
    'dir\0fa\0fa\0',
  ])
    t.throws(() => namesOf('/a', bad), TaskError, JSON.stringify(bad))
  t.end()
})

for (const transport of ['ssh2', 'openssh'])
  void t.test(transport, async t => {
    const dir = t.testdir({ src: { 'a.txt': 'one\n', sub: { 'b.sh': '#!/bin/sh\n' } } })
    const sshd = await startSshd(dir, { config: 'ListenAddress 127.0.0.3' })
    t.teardown(() => sshd.stop())
    appendFileSync(
      sshd.knownHosts,
      readFileSync(sshd.knownHosts, 'utf8').replace('127.0.0.1', '127.0.0.3'),
    )
    const file = join(dir, 'inventory.yaml')
    const host = (name: string, n: number): string =>
      `  ${name}: { os: debian 12, ssh: { port: ${sshd.port}, identity_file: ${sshd.key}, transport: ${transport} }, nics: [{ network: lan, address: 127.0.0.${n} }] }\n`
    writeFileSync(
      file,
      `timezone: UTC\ndomain: test.internal\nnetworks: { lan: { cidr: 127.0.0.0/24, mode: bridge, gateway: 127.0.0.254 } }\nhosts:\n${host('a', 1)}${host('b', 3)}`,
    )
    const fmc = (...args: string[]) =>
      run([process.execPath, BIN, 'copy', '-i', file, ...args], {
        env: { FMC_CACHE: join(dir, 'cache'), XDG_STATE_HOME: join(dir, 'state') },
        cwd: dir,
      })
    /** What does not depend on the transport. */
    const onlyOnce = { skip: transport === 'openssh' && 'as over ssh2' }
    const at = (...parts: string[]): string => join(dir, ...parts)
    const status = (path: string): string => (statSync(path).mode & 0o7777).toString(8)
    chmodSync(at('src/sub/b.sh'), 0o755)

    await t.test('to hosts', async t => {
      const dry = await fmc('src', `a:${at('dst')}`, '--mode', '0640', '--dry-run')
      t.equal(dry.code, 0, dry.stderr + dry.stdout)
      t.match(dry.stdout, /To make them: fmc copy .*src a:\S+ --mode 0640/, 'with its mode')
      t.notOk(existsSync(at('dst')))
      const done = await fmc(
        'src',
        `a:${at('dst')}`,
        '--mode',
        '0640',
        '--owner',
        'nobody',
        '--group',
        'nogroup',
      )
      t.equal(done.code, 0, done.stderr + done.stdout)
      t.equal(readFileSync(at('dst/a.txt'), 'utf8'), 'one\n')
      t.equal(status(at('dst/sub/b.sh')), '640')
      t.equal(statSync(at('dst/a.txt')).uid, 65534)
      const again = await fmc(
        'src',
        `a:${at('dst')}`,
        '--mode',
        '0640',
        '--owner',
        'nobody:nogroup',
        '--dry-run',
        '--exit-code',
      )
      t.equal(again.code, 0, 'what is the same is ok')
      t.equal((await fmc('src/a.txt', `a:${at('dst/sub')}/`)).code, 0)
      t.equal(readFileSync(at('dst/sub/a.txt'), 'utf8'), 'one\n', 'a slash keeps the name')
      const over = await fmc('src/a.txt', `a:${at('dst/sub')}`)
      t.equal(over.code, 2)
      t.match(over.stdout + over.stderr, 'sub is a directory, not a file')
      const big = randomBytes(9_000_000)
      writeFileSync(at('big'), big, { mode: 0o600 })
      for (const more of [[], ['--mode', '0644']])
        t.equal((await fmc('big', `a:${at('big2')}`, ...more)).code, 0)
      t.ok(readFileSync(at('big2')).equals(big))
      t.equal(status(at('big2')), '644', 'a changed mode without a changed content')
    })

    await t.test('what is refused before a host is contacted', onlyOnce, async t => {
      symlinkSync('/etc/passwd', at('src/link'))
      for (const [args, message] of [
        [['src', 'a:/srv/x'], 'src/link is neither a file nor a directory'],
        [['gone', 'a:/srv/x'], 'cannot read gone: ENOENT'],
        [['src/a.txt', 'src/b.txt'], 'fmc copy needs one place on hosts and one on this machine'],
        [['a:/x', 'b:/x'], 'fmc copy needs one place on hosts and one on this machine'],
        [['src/a.txt', 'a:/srv/../x'], 'expected an absolute path without . and ..'],
        [['src/a.txt', 'a:/x', '--mode', '999'], '--mode 999: expected an octal mode'],
        [['src/a.txt', 'a:/x', '--owner', 'x y'], 'expected a user, user:group, or a group'],
        [['src/a.txt', 'aa:/x'], 'no host or group is called aa'],
      ] as const) {
        const { code, stderr } = await fmc(...args)
        t.equal(code, 1, stderr)
        t.match(stderr, message)
      }
    })

    await t.test('from hosts', async t => {
      mkdirSync(at('remote/sub'), { recursive: true })
      writeFileSync(at('remote/x'), 'x\n')
      writeFileSync(at('remote/sub/y'), Buffer.from([0, 255, 10]))
      const one = await fmc(`a:${at('remote/x')}`, 'got')
      t.match(one, { code: 0, stdout: `a | ${at('remote/x')} | got | copied\n` }, one.stderr)
      t.equal(status(at('got')), '600')
      t.match((await fmc(`a:${at('remote/x')}`, 'got')).stdout, /\| ok\n$/)
      writeFileSync(at('remote/x'), 'y\n')
      t.match((await fmc(`a:${at('remote/x')}`, 'got', '--dry-run')).stdout, /\| would copy\n$/)
      for (const unfit of [['--list-hosts'], ['--step'], ['--mode', '0600'], ['--exit-code']]) {
        const refused = await fmc(`a:${at('remote/x')}`, 'got', ...unfit)
        t.equal(refused.code, 1, unfit.join(' '))
        t.match(refused.stderr, `${unfit[0] ?? ''} is only for copying to hosts`)
      }
      t.equal(readFileSync(at('got'), 'utf8'), 'x\n')
      const many = await fmc(`all:${at('remote')}/`, 'all')
      t.equal(many.code, 0, many.stderr)
      for (const host of ['a', 'b'])
        t.ok(readFileSync(at('all', host, 'remote/sub/y')).equals(Buffer.from([0, 255, 10])))
      symlinkSync('/etc/shadow', at('remote/sub/link'))
      t.match(await fmc(`a:${at('remote')}`, 'no'), {
        code: 2,
        stderr: /sub\/link is neither a file nor a directory/,
      })
      t.match(await fmc(`a:${at('remote/sub/link')}`, 'no'), { code: 2, stderr: /it is a link/ })
      t.match(await fmc(`a:${at('gone')}`, 'no'), {
        code: 2,
        stderr: /there is no regular file of this name/,
      })
      t.notOk(existsSync(at('no')))
      if (transport === 'openssh') return // the rest is the same over both
      symlinkSync(at('src'), at('all/a/remote/sub2'))
      mkdirSync(at('remote2/sub2'), { recursive: true })
      mkdirSync(at('got2/remote2'), { recursive: true })
      writeFileSync(at('remote2/sub2/z'), 'z')
      symlinkSync(at('src'), at('got2/remote2/sub2'))
      for (const to of ['got2', './got2', 'got2/../got2/'])
        t.match(
          await fmc(`a:${at('remote2')}`, to),
          { code: 2, stderr: /got2\/remote2\/sub2 on this machine is a link/ },
          to,
        )
      t.notOk(existsSync(at('src/z')))
      mkdirSync(at('users'))
      chownSync(at('users'), 65534, 65534)
      mkdirSync(at('users/d'))
      symlinkSync('/etc', at('users/d/etc'))
      chownSync(at('users/d'), 65534, 65534)
      t.match(
        await fmc(`a:${at('users/d/etc/hostname')}`, 'no'),
        { code: 2, stderr: /is a link/ },
        "a user's link on the way",
      )
    })
  })

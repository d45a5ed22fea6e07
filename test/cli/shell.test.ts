import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { quoteAll } from '../../lib/shell/quote.ts'
import { ROOT, run } from '../rig/lab.ts'
import { keygen, publicKey, startSshd } from '../ssh/rig.ts'

const BIN = join(ROOT, 'lib/bin.js')

void t.test('fmc shell', async t => {
  const dir = t.testdir()
  const sshd = await startSshd(dir, { config: 'X11Forwarding yes' })
  t.teardown(() => sshd.stop())
  const file = join(dir, 'inventory.yaml')
  const host = (name: string, n: number, port: number): string =>
    `  ${name}: { os: debian 12, ssh: { port: ${port}, identity_file: ${sshd.key} }, nics: [{ network: lan, address: 127.0.0.${n} }] }\n`
  writeFileSync(
    file,
    `timezone: UTC\ndomain: test.internal\nnetworks: { lan: { cidr: 127.0.0.0/24, mode: bridge, gateway: 127.0.0.254 } }\nhosts:\n` +
      host('a', 1, sshd.port) +
      host('dead', 2, 9),
  )
  const argv = (...args: string[]): string[] => [
    process.execPath,
    BIN,
    'shell',
    '-i',
    file,
    ...args,
  ]
  const env = { FMC_CACHE: join(dir, 'cache'), SSH_AUTH_SOCK: '/dev/null', DISPLAY: ':7' }
  const fmc = (args: string[], input = '') => run(argv(...args), { env, input })

  t.match(await fmc(['a', '--', 'exit 7']), { code: 7, stdout: '' }, 'the exit code')
  t.match(await fmc(['a', '--', 'exit 255']), { code: 255, stderr: '' }, 'also that of ssh itself')
  t.match(await fmc(['a', '--', 'printf', '%s|', 'a b', '$HOME']), { stdout: 'a b|$HOME|' })
  t.match(
    await fmc(['a'], 'echo typed; exit 3\n'),
    { code: 3, stdout: 'typed\n' },
    'the login shell',
  )
  t.match(await fmc(['a', '--', 'cat'], '\0\r\n'), { stdout: '\0\r\n' })
  t.equal(
    (await fmc(['a', '--', 'echo $SSH_AUTH_SOCK$DISPLAY'])).stdout,
    '\n',
    'nothing is forwarded',
  )
  const tty = await run(
    ['script', '-qec', quoteAll(argv('a', '--', 'test -t 0 && tty; exit 5')), '/dev/null'],
    { env },
  )
  t.match(tty.stdout, /\/dev\/pts\/\d+\r\n/, 'a terminal on the host')
  t.equal(tty.code, 5)

  const job = await run(argv('a', '--', 'echo ::set-output name=x::1'), {
    env: { ...env, GITHUB_ACTIONS: 'true' },
  })
  t.match(job, { code: 1, stdout: '', stderr: /would obey commands.*\n {2}fmc run .*a -- COMMAND/ })

  const dead = await fmc(['dead'])
  t.equal(dead.code, 4)
  t.match(dead.stderr, /fmc: cannot reach dead \(127\.0\.0\.2:9\): /)
  const all = await fmc(['all'])
  t.equal(all.code, 1)
  t.match(
    all.stderr,
    /^fmc: fmc shell works on one host, but all matches 2\n {2}fmc run -i \S+ all -- COMMAND/,
  )
  t.match((await fmc(['deaf'])).stderr, 'did you mean dead?')

  const other = publicKey(keygen(join(dir, 'other')))
  writeFileSync(sshd.knownHosts, `[127.0.0.1]:${sshd.port} ${other}\n`)
  const changed = await fmc(['a', '--', 'id'])
  t.equal(changed.code, 4)
  t.equal(changed.stdout, '')
  t.match(changed.stderr, /THE HOST KEY OF a .* HAS CHANGED/)
})

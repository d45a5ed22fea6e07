import { execFileSync } from 'node:child_process'
import { userInfo } from 'node:os'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { expand } from '../../lib/ssh/ask.ts'
import { resolve } from '../../lib/ssh/config.ts'
import { openWith } from '../../lib/ssh/index.ts'
import { LIMITS } from '../../lib/ssh/link.ts'
import { loginFor, select } from '../../lib/ssh/selection.ts'
import { hostPatterns } from '../../lib/ssh/stanzas.ts'
import { publicKey, startSshd } from './rig.ts'

const { homedir, username, uid } = userInfo()

void t.test('which hosts have no stanza, and when only ssh can tell', t => {
  const rows: [text: string, patterns: readonly string[] | undefined][] = [
    ['', []],
    ['User x\nHost *\n  Port 7\n', []],
    [
      'Host web1 web?\nHost=db*\n host "a b" !C\nHost * !d',
      ['web1', 'web?', 'db*', 'a', 'b', 'c', 'd'],
    ],
    ['# Host web1\n', []],
    ['Host web1\n  HostName %h.lan\n  Tag x', ['web1']],
    ['Host web1\n  HostName x\nHost *\n  HostName %h.lan', undefined],
    ['IdentityFile ~/.ssh/%h', undefined],
    ['Host a\n  User x\nMatch all\n', undefined],
    ['Include more', undefined],
    ['CanonicalizeHostname yes', undefined],
    ['Host a*\n  User x', undefined], // it matches the name that stands for all others
    ['Host *.invalid', undefined],
  ]
  for (const [text, patterns] of rows) t.same(hostPatterns(text), patterns, text)
  t.end()
})

void t.test('tokens, home directories and variables, as ssh expands them', async t => {
  process.env['FMC_TEST_X'] = '/x y'
  t.teardown(() => delete process.env['FMC_TEST_X'])
  const args = ['-F', 'none', '-l', 'core', '-p', '7', '-o', 'HostName=10.0.0.9', '--', 'web1']
  const games = execFileSync('getent', ['passwd', 'games'], { encoding: 'utf8' }).split(':')[5]
  const rows: [path: string, text: string | undefined][] = [
    ['/a b', '/a b'],
    ['~/k', join(homedir, 'k')],
    ['~/%h', join(homedir, '10.0.0.9')],
    ['~games/k', `${games ?? ''}/k`],
    ['~no-such-user/k', undefined],
    ['/%h-%n-%p-%r-%u-%i-%k-%d%%', `/10.0.0.9-web1-7-core-${username}-${uid}-web1-${homedir}%`],
    ['${FMC_TEST_X}/k "quoted" \\', '/x y/k "quoted" \\'],
    ['${FMC_TEST_NONE}/k', undefined],
    ['/k%z', undefined],
    ['/k%', undefined],
  ]
  for (const [path, text] of rows) t.equal(await expand(path, args), text, path)
  t.match(await expand('/%C', args), /^\/[0-9a-f]{40}$/)
  t.match(await expand('/%l-%L', args), /^\/[\w.-]+-[\w-]+$/)
})

void t.test('the stanza of the name counts, then that of the address', async t => {
  const file = join(t.testdir(), 'config')
  const ask = async (text: string, wanted: object = {}) => {
    writeFileSync(file, text)
    // Each question is asked once per process.
    const address = `10.0.${Math.floor(Math.random() * 250)}.${Math.floor(Math.random() * 250)}`
    const found = await select({ name: 'web1', alias: 'web1', address, ...wanted }, file)
    const one = (key: string): string | undefined => found.answers.get(key)?.[0]
    return {
      user: one('user'),
      port: one('port'),
      jump: one('proxyjump'),
      host: one('hostname')?.replace(address, 'ADDRESS'),
      identity: found.answers.get('identityfile'),
    }
  }
  const name = 'Host web1\n  User n\n  IdentityFile /n\n  HostName other\n'
  const address = 'Host 10.*\n  User a\n  ProxyJump gate\n  IdentityFile /a\n'
  const all = 'Host *\n  Port 7\n'
  t.match(await ask(name + all), { user: 'n', port: '7', host: 'ADDRESS', identity: ['/n'] })
  t.match(await ask(address + all), { user: 'a', port: '7', host: 'ADDRESS', jump: 'gate' })
  t.match(await ask(name + address + all), {
    user: 'n',
    port: '7',
    host: 'ADDRESS',
    jump: 'gate',
    identity: ['/n', '/a'],
  })
  t.match(await ask(address + name), { user: 'n', host: 'ADDRESS', jump: 'gate' })
  t.match(await ask('Host web2\n  Port 9\n'), { port: '22', host: 'ADDRESS' })
  t.match(await ask('Host web*\n  Port 9\n'), { port: '9', host: 'ADDRESS' })
  t.match(await ask('Match originalhost web1\n  Port 9\n'), { port: '9', host: 'ADDRESS' })
  t.match(await ask('Match host 10.*\n  Port 9\n'), { port: '9', host: 'ADDRESS' })
  t.match(await ask('Host *\n  ControlPath /%C\n  IdentityFile /%n\n'), { identity: ['/%n'] })
  t.match(await ask(name, { user: 'u', port: 8 }), { user: 'u', port: '8' })
  const alias = 'Host box\n  HostName 10.9.9.9\n  User b\nHost web1\n  Port 5\n'
  t.match(await ask(alias, { address: 'box' }), { host: '10.9.9.9', port: '22', user: 'b' })
  t.match(await ask('Host web1\n  Port 22\nHost 10.*\n  Port 7\n'), { port: '22' })
  t.match(await ask('Host * !web1\n  Port 7\n'), { port: '7' })
  t.match(await ask('Match originalhost web1 exec false\n  Port 7\n'), { port: '22' })
  t.match(await ask(name, { alias: undefined }), { user: username })
  t.match(await ask(name, { useSshConfig: false }), { user: undefined })
  await t.rejects(ask(name, { alias: '-oProxyCommand=x' }), { message: /not a valid host name/ })
})

void t.test('user and port: the inventory, ssh_config, then root and 22', async t => {
  const dir = t.testdir()
  let n = 0
  const login = (text: string, wanted: object = {}) => {
    const file = join(dir, `my config ${n++}`)
    writeFileSync(file, text)
    return loginFor({ name: 'web1', alias: 'web1', address: '10.0.0.1', ...wanted }, file)
  }
  t.match(await login(''), { user: 'root', port: 22 })
  t.same(await login('Host web1\n  User core\n  Port 2201\n'), {
    user: 'core',
    port: 2201,
    asked: ['port', 'user'],
  })
  t.same(await login('User core\nPort 2201\n', { user: 'ops', port: 23 }), {
    user: 'ops',
    port: 23,
    asked: [],
  })
  t.same(await login('User core\nPort 2201\n', { user: 'ops' }), {
    user: 'ops',
    port: 2201,
    asked: ['port'],
  })
  t.match(await login('Match user core\n  Port 3\nHost *\n  User core\n'), { port: 22 })
  t.match(await login('Host *\n  User core\nMatch user core\n  Port 3\n'), { port: 3 })
  await t.rejects(login('Nonsense yes\n'), {
    name: 'UnreachableError',
    message: /Nonsense|nonsense/,
  })
})

void t.test('another local user: without User in ssh_config fmc still logs in as root', t => {
  // ssh prints the local user whether or not the configuration says so.
  const dir = t.testdir()
  mkdirSync(join(dir, 'more'))
  const files = {
    unset: 'Host other\n  User games\n',
    set: 'Host web1\n  User games\n',
    included: `Include ${dir}/more/*\n`,
    final: 'Match final\n  User games\n',
    'by address': 'Host web1\n  Port 5\nHost 10.*\n  User games\n',
    'for root': 'Match user root\n  Port 77\n',
  }
  writeFileSync(join(dir, 'more/a'), 'Host web*\n  User games\n')
  const script = `
    const { loginFor } = await import(${JSON.stringify(join(import.meta.dirname, '../../lib/ssh/selection.ts'))})
    const found = {}
    for (const [name, file] of ${JSON.stringify(Object.keys(files).map(name => [name, join(dir, name)]))})
      found[name] = await loginFor({ name: 'web1', alias: 'web1', address: '10.0.0.1' }, file)
    console.log(JSON.stringify(found))`
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text)
  const out = execFileSync(
    'setpriv',
    [
      ...['--reuid', 'games', '--regid', 'games', '--clear-groups', process.execPath],
      ...['--import', join(import.meta.dirname, '../../scripts/load-ts.js')],
      ...['--input-type=module', '-e', script],
    ],
    {
      encoding: 'utf8',
      env: { PATH: process.env['PATH'] },
      cwd: join(import.meta.dirname, '../..'),
    },
  )
  t.match(JSON.parse(out), {
    unset: { user: 'root', asked: ['port'] },
    set: { user: 'games', asked: ['port', 'user'] },
    included: { user: 'games' },
    final: { user: 'games' },
    'by address': { user: 'games', port: 5 },
    'for root': { user: 'root', port: 77 },
  })
  t.end()
})

void t.test('a login with user and port of ssh_config alone, through both transports', async t => {
  const dir = t.testdir()
  const sshd = await startSshd(dir)
  t.teardown(() => sshd.stop())
  const file = join(dir, 'config')
  writeFileSync(
    file,
    `Host box\n  User root\n  Port ${sshd.port}\n  IdentityFile ${dir}/%n\nHost *\n  UserKnownHostsFile ${sshd.knownHosts}\n`,
  )
  execFileSync('cp', ['-p', sshd.key, join(dir, 'box')])
  t.equal(
    execFileSync('ssh', ['-F', file, '-o', 'HostName=127.0.0.1', 'box', 'echo it'], {
      encoding: 'utf8',
    }),
    'it\n',
  )
  const wanted = { name: 'box', alias: 'box', address: '127.0.0.1' }
  const target = { ...wanted, ...(await loginFor(wanted, file)), sudo: false }
  t.match(target, { user: 'root', port: sshd.port })
  for (const transport of ['ssh2', 'openssh'] as const) {
    const { session } = await openWith({ ...LIMITS, sshConfig: file }, { ...target, transport })
    t.equal((await session.run('id -un')).stdout, 'root\n')
    session.close()
  }
  const key = publicKey(join(dir, 'host'))
  writeFileSync(sshd.knownHosts, '')
  await t.rejects(openWith({ ...LIMITS, sshConfig: file }, target), {
    message: new RegExp(`127\\.0\\.0\\.1:${sshd.port}\\) is not known`),
    hint: `[127.0.0.1]:${sshd.port} ${key}`,
  })
  t.match(await resolve(target, file), { known: { name: `[127.0.0.1]:${sshd.port}` } })
})

import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import t from 'tap'
import { DEFAULTS, rsaBits, SUPPORTED } from '../../lib/ssh/algorithms.ts'
import { parseAnswers, resolve } from '../../lib/ssh/config.ts'
import { openWith } from '../../lib/ssh/index.ts'
import { keywordTable, ROWS } from '../../lib/ssh/keyword-table.ts'
import { beyondTable, unknownKeywords } from '../../lib/ssh/keywords.ts'
import { LIMITS } from '../../lib/ssh/link.ts'
import type { Target } from '../../lib/ssh/types.ts'
import { keygen, publicKey, startSshd } from './rig.ts'

const ssh = (...args: string[]): string => execFileSync('ssh', args, { encoding: 'utf8' })
const plain = parseAnswers(ssh('-G', '-F', 'none', 'host.invalid'))

void t.test('the table has every keyword that ssh prints here', async t => {
  t.same(unknownKeywords(plain), [])
  const file = join(t.testdir(), 'config')
  // Those that are printed only when they are set.
  writeFileSync(
    file,
    `Host *
  ProxyCommand none
  HostKeyAlias a
  BindAddress 127.0.0.1
  BindInterface lo
  CertificateFile /c
  ControlPath /p
  ControlMaster auto
  PKCS11Provider /x.so
  RevokedHostKeys /r
  KnownHostsCommand /bin/false
  IdentityAgent none
  PreferredAuthentications publickey
  LocalForward 1 a:1
  RemoteForward 1 a:1
  DynamicForward 1
  SendEnv X
  SetEnv Y=1
  LocalCommand true
  RemoteCommand true
  IgnoreUnknown Nonsense
  LogVerbose kex.c:*
  VersionAddendum x
  PermitRemoteOpen a:1
  CanonicalDomains a.b
`.replace(/ {2}VersionAddendum.*\n/, ''),
  )
  const set = parseAnswers(ssh('-G', '-F', file, 'host.invalid'))
  t.ok(set.has('revokedhostkeys') && set.has('knownhostscommand'), 'they are printed')
  t.same(unknownKeywords(set), [])
  t.equal(await beyondTable(plain, () => Promise.resolve(plain)), undefined)
})

const MANUAL = '/usr/share/man/man5/ssh_config.5.gz'

void t.test('the table has every keyword of ssh_config(5), once, and is that of docs/ssh.md', t => {
  const keywords = ROWS.flatMap(row => row.keywords.split(' '))
  t.equal(new Set(keywords.map(k => k.toLowerCase())).size, keywords.length, 'each once')
  const page = readFileSync(join(import.meta.dirname, '../../docs/ssh.md'), 'utf8')
  t.ok(
    page.includes(`\n${keywordTable()}\n`),
    'docs/ssh.md has the table of lib/ssh/keyword-table.ts',
  )
  if (existsSync(MANUAL)) {
    const manual = execFileSync('zcat', [MANUAL], { encoding: 'utf8' })
    const named = [...manual.matchAll(/^\.It Cm ([A-Z]\w+)$/gm)].map(m => m[1] ?? '')
    t.ok(named.length > 90, `${named.length} keywords in the manual`)
    t.same(
      named.filter(k => !keywords.some(known => known.toLowerCase() === k.toLowerCase())),
      [],
    )
  }
  t.end()
})

void t.test('an unknown keyword needs OpenSSH unless it has its default value', async t => {
  const with_ = (line: string) => parseAnswers(`${line}\nuser x\n`)
  const defaults = (): Promise<typeof plain> => Promise.resolve(with_('quantumkeys no'))
  t.equal(await beyondTable(with_('quantumkeys no'), defaults), undefined)
  t.equal(await beyondTable(with_('quantumkeys strict'), defaults), 'quantumkeys strict')
  t.equal(await beyondTable(with_('othernew x'), defaults), 'othernew x')
})

void t.test("the algorithms are ssh2's, and by default none that ssh would refuse", t => {
  const constants = createRequire(import.meta.url)('ssh2/lib/protocol/constants.js') as Record<
    string,
    readonly string[]
  >
  const pairs = [
    ['kex', 'SUPPORTED_KEX', 'kexalgorithms'],
    ['cipher', 'SUPPORTED_CIPHER', 'ciphers'],
    ['hmac', 'SUPPORTED_MAC', 'macs'],
    ['serverHostKey', 'SUPPORTED_SERVER_HOST_KEY', 'hostkeyalgorithms'],
  ] as const
  for (const [name, theirs, keyword] of pairs) {
    t.same(
      SUPPORTED[name].filter(a => !constants[theirs]?.includes(a)),
      [],
      `${name}: ssh2 has them`,
    )
    const offered = plain.get(keyword)?.[0]?.split(',') ?? []
    t.same(
      DEFAULTS[name].filter(a => !offered.includes(a)),
      [],
      `${name}: ssh offers them`,
    )
  }
  t.equal(String(DEFAULTS.rsaBits), plain.get('requiredrsasize')?.[0])
  t.end()
})

void t.test('fmc connects and refuses exactly where ssh does', async t => {
  const dir = t.testdir()
  const rsa = keygen(join(dir, 'rsa'), 'rsa', '-b', '2048')
  t.equal(rsaBits(Buffer.from(publicKey(rsa).split(' ')[1] ?? '', 'base64')), 2048)
  const odd = keygen(join(dir, 'odd'), 'rsa', '-b', '2047')
  t.equal(rsaBits(Buffer.from(publicKey(odd).split(' ')[1] ?? '', 'base64')), 2047)
  const login = keygen(join(dir, 'login-rsa'), 'rsa', '-b', '2048')
  const servers = {
    modern: '',
    sha1mac: 'MACs hmac-sha1\nCiphers aes128-ctr',
    sha1kex: 'KexAlgorithms diffie-hellman-group14-sha1',
    cbc: 'Ciphers aes256-cbc,3des-cbc',
    umac: 'MACs umac-64@openssh.com\nCiphers aes256-ctr',
    rsaonly: `HostKey ${rsa}\nHostKeyAlgorithms rsa-sha2-512,rsa-sha2-256`,
    sha1host: `HostKey ${rsa}\nHostKeyAlgorithms ssh-rsa`,
    sntrup: 'KexAlgorithms sntrup761x25519-sha512@openssh.com',
  }
  const clients = [
    '',
    'MACs hmac-sha2-256,hmac-sha2-512\nCiphers aes128-ctr,aes256-ctr',
    'MACs -hmac-sha1*',
    'Ciphers +aes256-cbc',
    'Ciphers chacha20-poly1305@openssh.com',
    'KexAlgorithms +diffie-hellman-group14-sha1',
    'KexAlgorithms sntrup761x25519-sha512@openssh.com',
    'KexAlgorithms curve25519-sha256',
    'HostKeyAlgorithms ssh-ed25519',
    'HostKeyAlgorithms +ssh-rsa',
    'HostKeyAlgorithms rsa-sha2-256',
    'RequiredRSASize 3072',
    'PubkeyAcceptedAlgorithms ecdsa-sha2-nistp256',
    'PubkeyAcceptedAlgorithms ssh-ed25519',
    `IdentityFile ${login}\n  IdentitiesOnly yes`,
    `IdentityFile ${login}\n  IdentitiesOnly yes\n  PubkeyAcceptedAlgorithms rsa-sha2-512`,
    `IdentityFile ${login}\n  IdentitiesOnly yes\n  RequiredRSASize 3072`,
    'PubkeyAuthentication no',
    'PreferredAuthentications gssapi-with-mic,password',
    'AddressFamily inet6',
    'BindAddress 127.0.0.9',
    'RekeyLimit 1M',
    'KnownHostsCommand /bin/false',
    'HostbasedAuthentication yes',
    'GSSAPIAuthentication yes\n  Compression yes\n  PasswordAuthentication no\n  ForwardAgent yes',
  ]
  let connected = 0
  let refused = 0
  for (const [server, config] of Object.entries(servers)) {
    const at = join(dir, server)
    execFileSync('mkdir', [at])
    const sshd = await startSshd(at, { config })
    writeFileSync(join(at, 'keys'), `${publicKey(join(at, 'id'))}\n${publicKey(login)}\n`)
    writeFileSync(
      sshd.knownHosts,
      [join(at, 'host'), rsa].map(k => `[127.0.0.1]:${sshd.port} ${publicKey(k)}\n`).join(''),
    )
    const outcomes = clients.map(async (client, i) => {
      const file = join(at, `config-${i}`)
      const own = client.includes('IdentityFile') ? '' : `  IdentityFile ${sshd.key}\n`
      writeFileSync(file, `Host *\n  ${client}\n${own}  UserKnownHostsFile ${sshd.knownHosts}\n`)
      const options = ['-F', file, '-o', 'BatchMode=yes', '-o', 'StrictHostKeyChecking=yes']
      const real = spawnSync('ssh', [...options, '-p', String(sshd.port), 'root@127.0.0.1', 'true'])
      const target: Target = {
        name: 'n',
        address: '127.0.0.1',
        port: sshd.port,
        user: 'root',
        sudo: false,
      }
      const tried = async (transport: 'auto' | 'ssh2') =>
        openWith({ ...LIMITS, sshConfig: file }, { ...target, transport }).then(
          ({ session }) => {
            session.close()
            return 'connects'
          },
          (error: unknown) => (error as Error).message,
        )
      const name = `${server}: ${client || 'nothing configured'}`
      const wanted = real.status === 0
      if (wanted) connected++
      else refused++
      t.equal((await tried('auto')) === 'connects', wanted, `auto, ${name}`)
      const ssh2 = await tried('ssh2')
      if (!wanted) t.not(ssh2, 'connects', `ssh2, ${name}`)
      else if (ssh2 !== 'connects')
        t.match(ssh2, /ssh2 does not support|no matching/, `ssh2, ${name}`)
    })
    await Promise.all(outcomes)
    await sshd.stop()
  }
  t.ok(connected > 50 && refused > 50, `${connected} connect, ${refused} are refused`)
})

void t.test('the error names the setting that ssh2 cannot follow', async t => {
  const file = join(t.testdir(), 'config')
  const target: Target = { name: 'n', address: '127.0.0.1', port: 1, user: 'root', sudo: false }
  for (const line of [
    'VerifyHostKeyDNS yes',
    'RevokedHostKeys /etc/hostname',
    'KnownHostsCommand /bin/false',
    'HostbasedAuthentication yes',
    'CheckHostIP yes',
    'RekeyLimit 1G 1h',
    'PubkeyAuthentication no',
    'PreferredAuthentications password',
    'BindAddress 127.0.0.1',
    'CertificateFile /etc/hostname',
    'PubkeyAcceptedAlgorithms ssh-ed25519',
    'KexAlgorithms sntrup761x25519-sha512@openssh.com',
    'MACs umac-64@openssh.com',
    'Ciphers aes256-cbc,aes128-cbc',
    'HostKeyAlgorithms ssh-ed25519-cert-v01@openssh.com',
  ]) {
    writeFileSync(file, `Match exec true\n  ${line}\n`)
    const keyword = line.split(' ')[0] ?? ''
    const { beyond } = await resolve({ ...target, address: `h${keyword.toLowerCase()}` }, file)
    if (line.startsWith('Ciphers')) t.equal(beyond, undefined, 'old, but ssh2 has them')
    else {
      t.match(beyond, new RegExp(`^${keyword} `), line)
      await t.rejects(
        openWith(
          { ...LIMITS, sshConfig: file },
          { ...target, address: `h${keyword.toLowerCase()}`, transport: 'ssh2' },
        ),
        { name: 'UnreachableError', message: keyword },
      )
    }
  }
})

void t.test('a name is never an option or shell text', async t => {
  const dir = t.testdir()
  const made = join(dir, 'made')
  const file = join(dir, 'config')
  writeFileSync(
    file,
    `Match exec "true %n"\n  User x\nHost jump*\n  ProxyJump a;touch\${IFS}${made}\nHost *\n  ProxyCommand nc %h %p\n`,
  )
  const target: Target = { name: 'n', address: 'h', port: 1, user: 'root', sudo: false }
  for (const transport of ['auto', 'ssh2', 'openssh'] as const) {
    for (const bad of [
      `x;touch ${made}`,
      `x\${IFS}`,
      `-oProxyCommand=touch ${made}`,
      `$(touch ${made})`,
      `x|y`,
      'a b',
      'a\nb',
      '',
      "x'",
      'a&b',
      'x`y`',
    ]) {
      const limits = { ...LIMITS, sshConfig: file }
      await t.rejects(openWith(limits, { ...target, transport, address: bad }), {
        name: 'UnreachableError',
        message: /is not a valid host name/,
      })
      if (bad !== 'a b' && bad !== `x\${IFS}`)
        await t.rejects(openWith(limits, { ...target, transport, user: bad }), {
          message: /is not a valid user name/,
        })
    }
    await t.rejects(
      openWith({ ...LIMITS, sshConfig: file }, { ...target, transport, address: 'jump1' }),
      { name: 'UnreachableError' },
    )
  }
  t.notOk(existsSync(made), 'nothing ran')
})

// Each row of docs/ssh.md, with a value that is not the default: fmc connects where ssh does, and refuses where it does.
import { execFileSync } from 'node:child_process'
import { copyFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ROWS } from '../../lib/ssh/keyword-table.ts'
import { outcomes } from './outcomes.ts'
import { keygen, publicKey, startSshd } from './rig.ts'

void t.test('every row of the table against the real ssh', async t => {
  const dir = t.testdir({ more: {} })
  const ca = keygen(join(dir, 'ca'))
  const sshd = await startSshd(dir, {
    config: `TrustedUserCAKeys ${ca}.pub\nListenAddress 127.0.0.2\nListenAddress 127.0.0.3\nAllowTcpForwarding yes`,
  })
  t.teardown(() => sshd.stop())
  const { port, key } = sshd
  const host = publicKey(join(dir, 'host'))
  const name = (i: number): string => `[127.0.0.${i}]:${port}`
  writeFileSync(sshd.knownHosts, `${name(1)},${name(2)},${name(3)},alias ${host}\n`)
  const certified = keygen(join(dir, 'certified'))
  execFileSync('ssh-keygen', ['-q', '-s', ca, '-I', 'x', '-n', 'root', `${certified}.pub`], {
    stdio: 'ignore',
  })
  copyFileSync(`${certified}-cert.pub`, join(dir, 'elsewhere.pub'))
  execFileSync('rm', [`${certified}-cert.pub`])
  writeFileSync(join(dir, 'more/a'), 'Host *\n  User root\n')
  const proxy = join(dir, 'proxy.cjs')
  writeFileSync(
    proxy,
    `const s=require('net').connect(process.argv[3],process.argv[2]);process.stdin.pipe(s).pipe(process.stdout)`,
  )

  // Lines for each keyword. The last ones are what every list ends with, unless they are in it: the first value counts.
  const login = `Port ${port}\nUser root\nIdentityFile ${key}\nUserKnownHostsFile ${sshd.knownHosts}`
  const samples: Readonly<Record<string, string | readonly string[]>> = {
    Host: 'Host 127.*\nPort 1\nHost *',
    Match: [`Match host 127.*\nUser nobody\nMatch all`, 'Match exec false\nUser nobody\nMatch all'],
    Include: [`Include ${dir}/more/*`, `Include ${dir}/none`],
    Tag: 'Tag x',
    HostName: ['HostName 127.0.0.2', 'HostName 127.0.0.9'],
    User: 'User nobody',
    Port: 'Port 1',
    AddressFamily: ['AddressFamily inet', 'AddressFamily inet6'],
    CanonicalizeHostname: 'CanonicalizeHostname yes',
    CanonicalDomains: 'CanonicalizeHostname yes\nCanonicalDomains invalid',
    CanonicalizeFallbackLocal: 'CanonicalizeHostname yes\nCanonicalizeFallbackLocal no',
    CanonicalizeMaxDots: 'CanonicalizeMaxDots 0',
    CanonicalizePermittedCNAMEs: 'CanonicalizePermittedCNAMEs *.a:*.b',
    ProxyJump: [
      `ProxyJump root@127.0.0.2:${port}`,
      `ProxyJump %r@127.0.0.3:%p`,
      'ProxyJump root@127.0.0.2:1',
      'ProxyJump none',
    ],
    IdentityFile: 'IdentityFile /none',
    IdentitiesOnly: 'IdentitiesOnly yes',
    IdentityAgent: 'IdentityAgent none',
    HostKeyAlias: ['HostKeyAlias alias', 'HostKeyAlias other'],
    UserKnownHostsFile: 'UserKnownHostsFile none',
    GlobalKnownHostsFile: `GlobalKnownHostsFile ${sshd.knownHosts}\nUserKnownHostsFile none`,
    StrictHostKeyChecking: 'StrictHostKeyChecking accept-new',
    Ciphers: ['Ciphers aes256-ctr', 'Ciphers 3des-cbc'],
    MACs: ['MACs umac-64@openssh.com\nCiphers aes128-ctr', 'MACs hmac-md5\nCiphers aes128-ctr'],
    KexAlgorithms: [
      'KexAlgorithms sntrup761x25519-sha512@openssh.com',
      'KexAlgorithms diffie-hellman-group1-sha1',
    ],
    HostKeyAlgorithms: ['HostKeyAlgorithms ssh-ed25519', 'HostKeyAlgorithms rsa-sha2-256'],
    RequiredRSASize: 'RequiredRSASize 4096',
    PubkeyAcceptedAlgorithms: [
      'PubkeyAcceptedAlgorithms ssh-ed25519',
      'PubkeyAcceptedAlgorithms rsa-sha2-256',
    ],
    PubkeyAcceptedKeyTypes: 'PubkeyAcceptedKeyTypes rsa-sha2-256',
    ProxyCommand: [`ProxyCommand ${process.execPath} ${proxy} %h %p`, 'ProxyCommand false'],
    CertificateFile: `IdentityFile ${certified}\nCertificateFile ${dir}/elsewhere.pub`,
    PKCS11Provider: 'PKCS11Provider /none.so',
    RevokedHostKeys: `RevokedHostKeys ${dir}/host.pub`,
    KnownHostsCommand: [
      `UserKnownHostsFile none\nKnownHostsCommand /bin/echo %H ${host}`,
      'KnownHostsCommand /bin/false',
    ],
    RefuseConnection: 'RefuseConnection no',
    NoHostAuthenticationForLocalhost:
      'UserKnownHostsFile none\nNoHostAuthenticationForLocalhost yes',
    HostbasedAuthentication: 'HostbasedAuthentication yes',
    VerifyHostKeyDNS: 'VerifyHostKeyDNS yes',
    CheckHostIP: 'CheckHostIP yes',
    GSSAPIKeyExchange: 'GSSAPIKeyExchange yes',
    GSSAPITrustDns: 'GSSAPITrustDns yes',
    PubkeyAuthentication: ['PubkeyAuthentication no', 'PubkeyAuthentication host-bound'],
    PreferredAuthentications: [
      'PreferredAuthentications password',
      'PreferredAuthentications publickey',
    ],
    RekeyLimit: 'RekeyLimit 1M 1h',
    BindAddress: ['BindAddress 127.0.0.8', 'BindAddress 192.0.2.1'],
    BindInterface: 'BindInterface lo',
    PasswordAuthentication: 'PasswordAuthentication no',
    KbdInteractiveAuthentication: 'KbdInteractiveAuthentication no',
    KbdInteractiveDevices: 'KbdInteractiveDevices pam',
    ChallengeResponseAuthentication: 'ChallengeResponseAuthentication no',
    NumberOfPasswordPrompts: 'NumberOfPasswordPrompts 1',
    GSSAPIAuthentication: 'GSSAPIAuthentication yes',
    GSSAPIDelegateCredentials: 'GSSAPIDelegateCredentials yes',
    GSSAPIRenewalForcesRekey: 'GSSAPIRenewalForcesRekey yes',
    GSSAPIKexAlgorithms: 'GSSAPIKexAlgorithms gss-group14-sha256-',
    GSSAPIClientIdentity: 'GSSAPIClientIdentity x',
    GSSAPIServerIdentity: 'GSSAPIServerIdentity x',
    HostbasedAcceptedAlgorithms: 'HostbasedAcceptedAlgorithms ssh-ed25519',
    HostbasedKeyTypes: 'HostbasedKeyTypes ssh-ed25519',
    EnableSSHKeysign: 'EnableSSHKeysign yes',
    CASignatureAlgorithms: 'CASignatureAlgorithms ssh-ed25519',
    SecurityKeyProvider: 'SecurityKeyProvider /none.so',
    ProxyUseFdpass: 'ProxyUseFdpass yes',
    BatchMode: 'BatchMode no',
    UpdateHostKeys: 'UpdateHostKeys yes',
    ClearAllForwardings: 'ClearAllForwardings no',
    ExitOnForwardFailure: 'ExitOnForwardFailure yes',
    ForwardAgent: 'ForwardAgent yes',
    ForwardX11: 'ForwardX11 yes',
    ForwardX11Trusted: 'ForwardX11Trusted no',
    ForwardX11Timeout: 'ForwardX11Timeout 1m',
    GatewayPorts: 'GatewayPorts yes',
    LocalForward: `LocalForward ${port} localhost:1`,
    RemoteForward: `RemoteForward ${port} localhost:1`,
    DynamicForward: `DynamicForward ${port}`,
    PermitRemoteOpen: 'PermitRemoteOpen none',
    Tunnel: 'Tunnel yes',
    TunnelDevice: 'TunnelDevice 7:7',
    XAuthLocation: 'XAuthLocation /none',
    StreamLocalBindMask: 'StreamLocalBindMask 0111',
    StreamLocalBindUnlink: 'StreamLocalBindUnlink yes',
    ControlMaster: 'ControlMaster auto',
    ControlPath: `ControlPath ${dir}/%C`,
    ControlPersist: 'ControlPersist yes',
    PermitLocalCommand: 'PermitLocalCommand yes',
    LocalCommand: `LocalCommand touch ${dir}/ran`,
    RemoteCommand: 'RemoteCommand false',
    SessionType: 'SessionType none',
    StdinNull: 'StdinNull yes',
    ForkAfterAuthentication: 'ForkAfterAuthentication yes',
    RequestTTY: 'RequestTTY force',
    EscapeChar: 'EscapeChar x',
    EnableEscapeCommandline: 'EnableEscapeCommandline yes',
    SendEnv: 'SendEnv LANG',
    SetEnv: 'SetEnv X=y',
    AddKeysToAgent: 'AddKeysToAgent yes',
    UseKeychain: 'UseKeychain yes',
    HashKnownHosts: 'HashKnownHosts yes',
    FingerprintHash: 'FingerprintHash md5',
    VisualHostKey: 'VisualHostKey yes',
    LogLevel: 'LogLevel DEBUG3',
    LogVerbose: 'LogVerbose *',
    SyslogFacility: 'SyslogFacility AUTH',
    VersionAddendum: 'VersionAddendum x',
    WarnWeakCrypto: 'WarnWeakCrypto no',
    ConnectionAttempts: 'ConnectionAttempts 2',
    ConnectTimeout: 'ConnectTimeout 7',
    TCPKeepAlive: 'TCPKeepAlive no',
    ServerAliveInterval: 'ServerAliveInterval 9',
    ServerAliveCountMax: 'ServerAliveCountMax 9',
    ProtocolKeepAlives: 'ProtocolKeepAlives 9',
    SetupTimeOut: 'SetupTimeOut 9',
    ChannelTimeout: 'ChannelTimeout none',
    ObscureKeystrokeTiming: 'ObscureKeystrokeTiming no',
    IPQoS: 'IPQoS cs1',
    Compression: 'Compression yes',
    IgnoreUnknown: 'IgnoreUnknown Future*\nFutureKeyword x',
  }
  t.same(
    ROWS.flatMap(row => row.keywords.split(' ')).filter(k => samples[k] === undefined),
    [],
    'a sample for each keyword',
  )
  // What is irrelevant is tried a row at a time; what decides, each sample by itself.
  const tries = ROWS.flatMap(row => {
    const all = row.keywords.split(' ').flatMap(k => samples[k] ?? [])
    return row.class === 'irrelevant' ? [all.join('\n')] : all
  })
  let [connected, refused, n] = [0, 0, 0]
  const work = async (): Promise<void> => {
    for (let lines = tries.shift(); lines !== undefined; lines = tries.shift()) {
      const file = join(dir, `config-${n++}`)
      const known = lines.includes('UserKnownHostsFile')
        ? login.replace(/\nUserKnown.*/, '')
        : login
      const own = lines.includes('IdentityFile') ? known.replace(/\nIdentityFile.*/, '') : known
      writeFileSync(file, `IgnoreUnknown *\n${lines}\n${own}\nHost *\n`)
      const { ssh2, ...found } = await outcomes(file, '127.0.0.1', '127.0.0.1')
      t.same(found, { ssh: found.ssh, auto: found.ssh, openssh: found.ssh }, lines)
      t.ok(ssh2 === found.ssh || ssh2 === 'not for ssh2', `ssh2: ${ssh2}, ${lines}`)
      if (found.ssh === 'connects') connected++
      else refused++
    }
  }
  await Promise.all([work(), work(), work(), work()])

  // identity_file of the inventory takes what IdentityFile takes.
  const file = join(dir, 'config')
  writeFileSync(file, `Port ${port}\nUser root\nUserKnownHostsFile ${sshd.knownHosts}\n`)
  copyFileSync(key, join(dir, '127.0.0.1 100%'))
  for (const [wanted, identityFile] of [
    ['connects', key],
    ['connects', `~/..${key}`],
    ['connects', `~root/..${key}`],
    ['connects', `${dir}/%h 100%%`],
    ['connects', `${dir}/%n 100%%`],
    ['refuses', `${dir}/%h 100%`],
    ['refuses', `~no-such-user/..${key}`],
    ['refuses', `${dir}/none`],
  ] as const) {
    const found = await outcomes(file, '127.0.0.1', '127.0.0.1', { identityFile })
    t.match(found, { ssh: wanted, auto: wanted, openssh: wanted }, identityFile)
  }
  t.ok(connected > 30 && refused > 15, `${connected} connect, ${refused} are refused`)
})

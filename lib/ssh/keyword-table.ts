/**
 * What fmc does with a keyword of ssh_config(5).
 * - `honoured`: fmc follows it as ssh does, mostly because `ssh -G` does.
 * - `irrelevant`: it cannot make ssh refuse what ssh2 accepts, and does not change whom fmc trusts.
 * - a list: the values with which ssh and ssh2 behave alike. With any other value fmc hands the host over to OpenSSH.
 */
export type Class = 'honoured' | 'irrelevant' | readonly string[]

/** Keywords that fmc treats alike. `note` goes into docs/ssh.md. */
export interface Row {
  /** As ssh_config(5) spells them. */
  readonly keywords: string
  readonly class: Class
  readonly note: string
}

const NONE = ['none'] as const
const NO = ['no', 'false'] as const

/** Every keyword of OpenSSH 8.4 to 10.2, with the additions of Debian and Red Hat. */
export const ROWS: readonly Row[] = [
  {
    keywords: 'Host Match Include Tag',
    class: 'honoured',
    note: '`ssh -G` resolves them',
  },
  { keywords: 'HostName', class: 'honoured', note: 'counts for the address in the inventory' },
  { keywords: 'User Port', class: 'honoured', note: 'if the inventory does not say' },
  { keywords: 'AddressFamily', class: 'honoured', note: '' },
  {
    keywords:
      'CanonicalizeHostname CanonicalDomains CanonicalizeFallbackLocal CanonicalizeMaxDots CanonicalizePermittedCNAMEs',
    class: 'honoured',
    note: '`ssh -G` resolves them',
  },
  {
    keywords: 'ProxyJump',
    class: 'honoured',
    note: 'each jump host with its own settings and a strict check of its host key',
  },
  {
    keywords: 'IdentityFile',
    class: 'honoured',
    note: 'with tokens; public keys and keys in an agent too. Handed over: FIDO, PKCS#8, a certificate beside it',
  },
  { keywords: 'IdentitiesOnly', class: 'honoured', note: '' },
  {
    keywords: 'IdentityAgent',
    class: 'honoured',
    note: 'a path with tokens, `$NAME`, SSH_AUTH_SOCK or none',
  },
  {
    keywords: 'HostKeyAlias',
    class: 'honoured',
    note: 'looked up as it is, without the port',
  },
  {
    keywords: 'UserKnownHostsFile GlobalKnownHostsFile',
    class: 'honoured',
    note: 'several files. Handed over: a path with a blank, and a `@cert-authority` line for the host',
  },
  {
    keywords: 'StrictHostKeyChecking',
    class: 'honoured',
    note: 'as if it were yes, whatever it says: fmc accepts no unknown host key',
  },
  {
    keywords: 'Ciphers MACs KexAlgorithms HostKeyAlgorithms',
    class: 'honoured',
    note: 'Handed over: a list of which ssh2 supports nothing, or the host supports nothing of what ssh2 does',
  },
  { keywords: 'RequiredRSASize', class: 'honoured', note: '' },
  {
    keywords: 'PubkeyAcceptedAlgorithms',
    class: 'honoured',
    note: 'Handed over: a list without one of the usual signatures, or with SHA-1',
  },
  {
    keywords: 'PubkeyAcceptedKeyTypes',
    class: 'honoured',
    note: 'the older name of PubkeyAcceptedAlgorithms',
  },
  { keywords: 'ProxyCommand', class: NONE, note: '' },
  { keywords: 'CertificateFile', class: NONE, note: '' },
  { keywords: 'PKCS11Provider', class: NONE, note: '' },
  { keywords: 'RevokedHostKeys KnownHostsCommand', class: NONE, note: '' },
  { keywords: 'RefuseConnection', class: NONE, note: 'ssh refuses, with your message' },
  {
    keywords: 'NoHostAuthenticationForLocalhost',
    class: NO,
    note: 'with yes ssh does not check the host key of a loopback address',
  },
  {
    keywords: 'HostbasedAuthentication VerifyHostKeyDNS CheckHostIP',
    class: NO,
    note: '',
  },
  { keywords: 'GSSAPIKeyExchange GSSAPITrustDns', class: NO, note: '' },
  {
    keywords: 'PubkeyAuthentication',
    class: ['yes', 'true', 'unbound'],
    note: 'with no only what ssh can do without a person is left',
  },
  {
    keywords: 'PreferredAuthentications',
    class: [], // beyondTable() looks for publickey in the list
    note: 'Handed over: a list without publickey',
  },
  { keywords: 'RekeyLimit', class: ['0 0', 'default none'], note: '' },
  { keywords: 'BindAddress BindInterface', class: NONE, note: '' },
  {
    keywords:
      'PasswordAuthentication KbdInteractiveAuthentication KbdInteractiveDevices ChallengeResponseAuthentication NumberOfPasswordPrompts',
    class: 'irrelevant',
    note: 'fmc types no login password',
  },
  {
    keywords:
      'GSSAPIAuthentication GSSAPIDelegateCredentials GSSAPIRenewalForcesRekey GSSAPIKexAlgorithms GSSAPIClientIdentity GSSAPIServerIdentity',
    class: 'irrelevant',
    note: 'ssh2 has no Kerberos; with `transport: openssh` they count',
  },
  {
    keywords:
      'HostbasedAcceptedAlgorithms HostbasedKeyTypes EnableSSHKeysign CASignatureAlgorithms SecurityKeyProvider ProxyUseFdpass',
    class: 'irrelevant',
    note: 'part of something that is handed over',
  },
  {
    keywords: 'BatchMode',
    class: 'irrelevant',
    note: 'fmc never asks, except in `fmc shell`',
  },
  { keywords: 'UpdateHostKeys', class: 'irrelevant', note: 'fmc does not add host keys' },
  {
    keywords:
      'ClearAllForwardings ExitOnForwardFailure ForwardAgent ForwardX11 ForwardX11Trusted ForwardX11Timeout GatewayPorts LocalForward RemoteForward DynamicForward PermitRemoteOpen Tunnel TunnelDevice XAuthLocation StreamLocalBindMask StreamLocalBindUnlink',
    class: 'irrelevant',
    note: 'fmc forwards nothing',
  },
  {
    keywords: 'ControlMaster ControlPath ControlPersist',
    class: 'irrelevant',
    note: 'fmc shares no connection with ssh',
  },
  {
    keywords:
      'PermitLocalCommand LocalCommand RemoteCommand SessionType StdinNull ForkAfterAuthentication RequestTTY EscapeChar EnableEscapeCommandline',
    class: 'irrelevant',
    note: "fmc runs only fmc's commands",
  },
  {
    keywords: 'SendEnv SetEnv',
    class: 'irrelevant',
    note: 'commands run in an environment of fmc',
  },
  { keywords: 'AddKeysToAgent UseKeychain', class: 'irrelevant', note: 'fmc decrypts no key' },
  {
    keywords:
      'HashKnownHosts FingerprintHash VisualHostKey LogLevel LogVerbose SyslogFacility VersionAddendum WarnWeakCrypto',
    class: 'irrelevant',
    note: 'display',
  },
  {
    keywords:
      'ConnectionAttempts ConnectTimeout TCPKeepAlive ServerAliveInterval ServerAliveCountMax ProtocolKeepAlives SetupTimeOut ChannelTimeout ObscureKeystrokeTiming IPQoS Compression',
    class: 'irrelevant',
    note: 'fmc has time limits of its own, and compresses nothing',
  },
  { keywords: 'IgnoreUnknown', class: 'irrelevant', note: '`ssh -G` follows it' },
]

const word = (c: Class): string => {
  if (typeof c === 'string') return c
  return c.length === 0 ? 'handed over' : `handed over, unless ${c[0] ?? ''}`
}

/**
 * The table of docs/ssh.md: a row per keyword, in the order of the alphabet. A test compares it with the page.
 *
 * @example
 * keywordTable().split('\n')[2] // '| AddKeysToAgent | irrelevant | fmc decrypts no key |'
 */
export const keywordTable = (): string => {
  const rows = ROWS.flatMap(({ keywords, class: c, note }) =>
    keywords.split(' ').map(keyword => [keyword, word(c), note] as const),
  ).sort(([a], [b]) => a.localeCompare(b, 'en'))
  const head = ['keyword', 'fmc', 'note'] as const
  const widths = [0, 1, 2].map(i => Math.max(...[head, ...rows].map(row => row[i]?.length ?? 0)))
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(' | ')} |`
  const rule = `| ${widths.map(w => '-'.repeat(w)).join(' | ')} |`
  return [line(head), rule, ...rows.map(line)].join('\n')
}

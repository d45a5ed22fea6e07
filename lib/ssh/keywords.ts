/** What `ssh -G` prints: values by keyword, keywords in lower case. */
export type Answers = ReadonlyMap<string, readonly string[]>

/**
 * What fmc does with a keyword of ssh_config(5) under ssh2.
 * - `honoured`: as ssh does (lib/ssh/config.ts), or fmc always does it one way.
 * - `irrelevant`: it cannot make ssh refuse what ssh2 takes, nor change whom fmc trusts.
 * - a list: the values with which ssh and ssh2 do the same; with any other the connection is OpenSSH's business.
 */
type Class = 'honoured' | 'irrelevant' | readonly string[]

const NONE = ['none'] as const
const NO = ['no', 'false'] as const

/** Keywords as ssh_config(5) writes them, where an error may name them. */
const NAMES = new Map<string, string>()

const table = (classes: Readonly<Record<string, Class>>): ReadonlyMap<string, Class> =>
  new Map(
    Object.entries(classes).flatMap(([keywords, c]) =>
      keywords.split(' ').map(k => {
        NAMES.set(k.toLowerCase(), k)
        return [k.toLowerCase(), c] as const
      }),
    ),
  )

/** Every keyword that `ssh -G` of OpenSSH 8.4 to 10.2 prints, with the additions of Debian and Red Hat. */
const KEYWORDS = table({
  // Where to, as whom, by what name: resolved by ssh -G itself, or said by the target.
  'host hostname port user addressfamily hostkeyalias proxyjump': 'honoured',
  'canonicalizehostname canonicaldomains canonicalizefallbacklocal canonicalizemaxdots canonicalizepermittedcnames':
    'honoured',
  'identityfile identitiesonly identityagent userknownhostsfile globalknownhostsfile': 'honoured',
  // fmc never asks a question and takes no key that is not known.
  'batchmode stricthostkeychecking nohostauthenticationforlocalhost updatehostkeys': 'honoured',
  'Ciphers MACs KexAlgorithms HostKeyAlgorithms RequiredRSASize': 'honoured',
  PubkeyAcceptedAlgorithms: 'honoured',
  PubkeyAcceptedKeyTypes: 'honoured', // its name before 8.5
  // What ssh2 cannot do, and what would make ssh refuse, or trust, otherwise.
  'ProxyCommand PKCS11Provider RevokedHostKeys KnownHostsCommand CertificateFile': NONE,
  'HostbasedAuthentication VerifyHostKeyDNS CheckHostIP GSSAPIKeyExchange GSSAPITrustDNS': NO,
  PubkeyAuthentication: ['yes', 'true', 'unbound'],
  PreferredAuthentications: [], // more than the table knows: config.ts looks for publickey in it
  RekeyLimit: ['0 0', 'default none'],
  'BindAddress BindInterface': NONE,
  RefuseConnection: NONE,
  // Ways to log in that fmc does not use: it has nobody to ask, and a further way refuses nobody.
  'passwordauthentication kbdinteractiveauthentication challengeresponseauthentication':
    'irrelevant',
  'numberofpasswordprompts gssapiauthentication gssapidelegatecredentials': 'irrelevant',
  'gssapirenewalforcesrekey gssapikexalgorithms gssapiclientidentity gssapiserveridentity':
    'irrelevant',
  // They belong to host-based login, certificates, FIDO keys and ProxyCommand, which are OpenSSH's business anyway.
  'hostbasedacceptedalgorithms hostbasedkeytypes enablesshkeysign casignaturealgorithms':
    'irrelevant',
  'securitykeyprovider proxyusefdpass': 'irrelevant',
  // Nothing is forwarded, shared, run or kept, whatever stands there.
  'clearallforwardings exitonforwardfailure forwardagent forwardx11 forwardx11trusted forwardx11timeout':
    'irrelevant',
  'gatewayports localforward remoteforward dynamicforward permitremoteopen tunnel tunneldevice xauthlocation':
    'irrelevant',
  'streamlocalbindmask streamlocalbindunlink controlmaster controlpath controlpersist':
    'irrelevant',
  'permitlocalcommand localcommand remotecommand sessiontype stdinnull forkafterauthentication':
    'irrelevant',
  'requesttty escapechar enableescapecommandline sendenv setenv addkeystoagent': 'irrelevant',
  // Display, speed and patience: fmc has its own.
  'hashknownhosts fingerprinthash visualhostkey loglevel logverbose syslogfacility tag versionaddendum':
    'irrelevant',
  'compression connectionattempts connecttimeout ipqos tcpkeepalive': 'irrelevant',
  'serveralivecountmax serveraliveinterval channeltimeout obscurekeystroketiming': 'irrelevant',
  'warnweakcrypto ignoreunknown usekeychain protocolkeepalives setuptimeout': 'irrelevant',
})

/** As ssh_config(5) writes it. */
export const nameOf = (keyword: string): string => NAMES.get(keyword.toLowerCase()) ?? keyword

/** Keywords that `ssh -G` printed and this version of fmc has not heard of. */
export const unknownKeywords = (answers: Answers): string[] =>
  [...answers.keys()].filter(k => !KEYWORDS.has(k.toLowerCase()))

/**
 * A keyword whose value asks for more than ssh2 can do, as `keyword value`; undefined when there is none. `defaults`: what
 * ssh says without any configuration; asked for only when it matters.
 */
export const beyondTable = async (
  answers: Answers,
  defaults: () => Promise<Answers>,
): Promise<string | undefined> => {
  for (const [keyword, values] of answers) {
    const known = KEYWORDS.get(keyword.toLowerCase()) ?? []
    if (known === 'honoured' || known === 'irrelevant') continue
    const other = values.find(v => !known.includes(v.toLowerCase()))
    if (other === undefined || keyword === 'preferredauthentications') continue
    if (String((await defaults()).get(keyword)) !== String(values))
      return `${nameOf(keyword)} ${other}`
  }
  const preferred = answers.get('preferredauthentications')?.[0]
  if (preferred !== undefined && !preferred.split(',').includes('publickey'))
    return `${nameOf('preferredauthentications')} ${preferred}`
  return undefined
}

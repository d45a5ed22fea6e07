/** The output of `ssh -G`: values by keyword, keywords in lower case. */
export type Answers = ReadonlyMap<string, readonly string[]>

/**
 * What fmc does with a keyword of ssh_config(5) under ssh2.
 * - `honoured`: fmc follows it as ssh does (lib/ssh/config.ts), or always behaves in one way.
 * - `irrelevant`: it cannot make ssh refuse what ssh2 accepts, and does not change whom fmc trusts.
 * - a list: the values with which ssh and ssh2 behave alike; with any other value fmc connects through OpenSSH.
 */
type Class = 'honoured' | 'irrelevant' | readonly string[]

const NONE = ['none'] as const
const NO = ['no', 'false'] as const

/** Spelling of ssh_config(5) for the keywords that an error may name. */
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
  // Address, user and names: `ssh -G` resolves them, or the target sets them.
  'host hostname port user addressfamily hostkeyalias proxyjump': 'honoured',
  'canonicalizehostname canonicaldomains canonicalizefallbacklocal canonicalizemaxdots canonicalizepermittedcnames':
    'honoured',
  'identityfile identitiesonly identityagent userknownhostsfile globalknownhostsfile': 'honoured',
  // fmc never asks a question and accepts no unknown host key.
  'batchmode stricthostkeychecking nohostauthenticationforlocalhost updatehostkeys': 'honoured',
  'Ciphers MACs KexAlgorithms HostKeyAlgorithms RequiredRSASize': 'honoured',
  PubkeyAcceptedAlgorithms: 'honoured',
  PubkeyAcceptedKeyTypes: 'honoured', // its name before 8.5
  // ssh2 cannot do these, or ssh would refuse or trust something that ssh2 would not.
  'ProxyCommand PKCS11Provider RevokedHostKeys KnownHostsCommand CertificateFile': NONE,
  'HostbasedAuthentication VerifyHostKeyDNS CheckHostIP GSSAPIKeyExchange GSSAPITrustDNS': NO,
  PubkeyAuthentication: ['yes', 'true', 'unbound'],
  PreferredAuthentications: [], // beyondTable() looks for publickey in the list
  RekeyLimit: ['0 0', 'default none'],
  'BindAddress BindInterface': NONE,
  RefuseConnection: NONE,
  // Ways to log in that fmc does not use: it cannot ask a person, and an additional way does not refuse a key.
  'passwordauthentication kbdinteractiveauthentication challengeresponseauthentication':
    'irrelevant',
  'numberofpasswordprompts gssapiauthentication gssapidelegatecredentials': 'irrelevant',
  'gssapirenewalforcesrekey gssapikexalgorithms gssapiclientidentity gssapiserveridentity':
    'irrelevant',
  // These belong to host-based login, certificates, FIDO keys and ProxyCommand, for which fmc uses OpenSSH anyway.
  'hostbasedacceptedalgorithms hostbasedkeytypes enablesshkeysign casignaturealgorithms':
    'irrelevant',
  'securitykeyprovider proxyusefdpass': 'irrelevant',
  // fmc forwards, shares, runs and keeps nothing, whatever these say.
  'clearallforwardings exitonforwardfailure forwardagent forwardx11 forwardx11trusted forwardx11timeout':
    'irrelevant',
  'gatewayports localforward remoteforward dynamicforward permitremoteopen tunnel tunneldevice xauthlocation':
    'irrelevant',
  'streamlocalbindmask streamlocalbindunlink controlmaster controlpath controlpersist':
    'irrelevant',
  'permitlocalcommand localcommand remotecommand sessiontype stdinnull forkafterauthentication':
    'irrelevant',
  'requesttty escapechar enableescapecommandline sendenv setenv addkeystoagent': 'irrelevant',
  // Display, speed and time limits: fmc has its own.
  'hashknownhosts fingerprinthash visualhostkey loglevel logverbose syslogfacility tag versionaddendum':
    'irrelevant',
  'compression connectionattempts connecttimeout ipqos tcpkeepalive': 'irrelevant',
  'serveralivecountmax serveraliveinterval channeltimeout obscurekeystroketiming': 'irrelevant',
  'warnweakcrypto ignoreunknown usekeychain protocolkeepalives setuptimeout': 'irrelevant',
})

/** A keyword as ssh_config(5) spells it. */
export const nameOf = (keyword: string): string => NAMES.get(keyword.toLowerCase()) ?? keyword

/** Keywords of `ssh -G` that are missing in the table; a test keeps the table complete. */
export const unknownKeywords = (answers: Answers): string[] =>
  [...answers.keys()].filter(k => !KEYWORDS.has(k.toLowerCase()))

/**
 * The first setting that ssh2 cannot follow, as `keyword value`; undefined: there is none. `defaults`: OpenSSH's own
 * defaults; called only when they decide.
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

/** Finds secrets in plain text: by the name of a variable, and by what the value looks like. */

const ALWAYS = new Set(
  'password passwords passwd passphrase passphrases secret secrets token tokens psk psks apikey credential credentials'.split(
    ' ',
  ),
)
/** Secret only as the last word, or before one of QUALIFIERS. */
const AT_THE_END = new Set('pass pw pwd pin otp creds cred auth_key'.split(' '))
/** Words that make a secret of the `key` after them. */
const KEYS = new Set(
  'api private access secret preshared encryption encrypt signing sign auth master shared deploy host session account license licence recovery unseal hmac aes rsa ssh tls ssl certificate cert client server wireguard'.split(
    ' ',
  ),
)
/** Last words of names that tell something about a secret: its file, its length, who owns it. */
const ABOUT = new Set(
  (
    'file files path paths dir directory name names url uri urls endpoint host hosts port length len min max age days ttl expiry ' +
    'expires expire expiration timeout lifetime policy enabled disabled enable required type kind algorithm algo method provider ' +
    'backend store engine mode format count size rotation interval prompt header field env variable ref reference group user ' +
    'username owner login id ids version authentication auth complexity quality history retries attempts issuer audience ' +
    'encryption mount namespace class plugin driver role roles permissions limit limits public pub'
  ).split(' '),
)
/** Words without a gap: pgpassword, accesstoken, bindpw. */
const GLUED = /(?:passw(?:or)?d|passwd|passphrase|secret|token)s?$/
const OWNERS =
  /^(?:db|my|mysql|pg|postgres|redis|ldap|bind|smtp|ftp|vnc|wifi|sudo|become|root|admin|user)(?:pass|pwd?)$/
const QUALIFIERS =
  /^(\d+|base|value|hash|text|data|string|b|b64|base64|plain|clear|raw|enc|encrypted|prod|production|dev|staging|stage|test|old|new|main|default|admin|root|db|key|keys|main|backup)$/

const words = (name: string): string[] =>
  name
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .map(word => word.replace(/(?<=[a-z])\d+$/, ''))
    .filter(Boolean)

/** Does a variable of this name hold a secret? */
export function isSecretName(name: string): boolean {
  const parts = words(name)
  const last = parts.at(-1) ?? ''
  if (ABOUT.has(last)) return false
  return parts.some((word, at) => {
    const rest = parts.slice(at + 1)
    if (ALWAYS.has(word) || GLUED.test(word)) return true
    const ends = rest.every(w => QUALIFIERS.test(w))
    if (AT_THE_END.has(word) || OWNERS.test(word)) return ends
    if (word === 'community') return parts.includes('snmp') && ends
    return /^keys?$/.test(word) && at > 0 && KEYS.has(parts[at - 1] ?? '') && ends
  })
}

/** Keys of a map such as `passwords: {root: x}` that hold no secret: who, where, how. */
export const isPlainKey = (key: string): boolean => {
  const last = words(key).at(-1) ?? ''
  return ABOUT.has(last) || /^(enabled|state|description|comment|database|mail|email)$/.test(last)
}

const PATH = /^(?:~|\.{1,2})?(?:\/[\w.@%+{}$ -]+)+\/?$|^[A-Za-z]:\\|^(?:file|https?):\/\/[^@\s]*$/
const CERTAIN_PATH =
  /^(?:~\/|\.{1,2}\/|\/(?:etc|var|opt|root|home|run|usr|srv|mnt|tmp|data)\/|[A-Za-z]:\\)|\.(?:key|pem|crt|cer|txt|ya?ml|json|pub|env)$/

/** A path or the address of a file, not a secret. A password may begin with a slash, a key does not. */
export const isPath = (name: string, value: string): boolean =>
  PATH.test(value) && (CERTAIN_PATH.test(value) || /keys?$/i.test(name))

const VALUES: readonly RegExp[] = [
  /-----BEGIN [A-Z ]*PRIVATE KEY/,
  /\bAGE-SECRET-KEY-1/,
  // A URL with user and password.
  /\b[a-z][a-z0-9+.-]*:\/\/[^/\s:@]*:[^/\s@]+@/i,
  // host=h password=x, Server=…;Password=…;, --token=x
  /(?:^|[\s;,"'?&-])(?:password|passwd|pwd|token|secret|api[_-]?key)=[^\s;,&"']/i,
  /(?:^|\s)--?[\w-]*(?:password|passwd|token|secret|api-key)[= ]+[^\s-]/i,
  /\b(?:Bearer|Basic)\s+[\w+/=.-]{8,}/,
  // Tokens of well-known services, JSON web tokens, hashes of passwords (crypt(5)).
  /\b(?:gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|xox[abprs]-[\w-]{10,}|sk_live_\w{10,}|AKIA[A-Z0-9]{12,}|hvs\.\w{10,})/,
  /\beyJ[\w-]+\.[\w-]+\.[\w-]+/,
  /^\$(?:[1567]|apr1|2[abxy]|y|gy|argon2\w*)\$[^\s]+/,
  // Addresses that let everybody post who knows them.
  /\bhttps:\/\/(?:hooks\.slack\.com\/(?:services|workflows|triggers)|discord(?:app)?\.com\/api\/webhooks)\/\S+/,
]

/** Is this text a secret whatever its name? */
export const isSecretValue = (value: string): boolean => VALUES.some(v => v.test(value))

/** A public key, which lies beside secrets and is none. */
export const isPublic = (value: string): boolean =>
  /^(?:ssh-|ecdsa-|sk-ssh-)\S+ AAAA/.test(value) ||
  (/-----BEGIN (?:CERTIFICATE|PUBLIC KEY|RSA PUBLIC KEY)-----/.test(value) &&
    !/PRIVATE KEY/.test(value))

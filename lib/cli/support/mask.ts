import { createHmac, randomBytes } from 'node:crypto'
import { isIP } from 'node:net'

const IPV4 = /(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.]*\w)/g
const IPV6 = /(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?:%\w+)?(?![\w:])/g
const MAC = /(?<![\w:])(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}(?![\w:])/g
/** Of no use to a stranger, and of use to a reader. */
const EVERYONES = /^(?:127\.|0\.0\.0\.0$|255\.|::1?$)/

const HIDDEN = '‹secret›'
/** What looks like a secret wherever it stands: age identities, PEM keys, tokens of K3s, JSON Web Tokens, passwords in URLs. */
const SECRETIVE: readonly RegExp[] = [
  /AGE-SECRET-KEY-(?:PQ-)?1[0-9A-Z]+/gi,
  /-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----[^]*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|$)/g,
  /\bK10[0-9a-f]{64}::[\w.~-]*(?::[\w.~-]+)?/g,
  /\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*/g,
  /(?<=\b[a-z][a-z0-9+.-]*:\/\/[^\s/:@]*:)[^\s/@]+(?=@)/gi,
]

/** Takes secrets and addresses out of a text. */
export type Mask = (text: string) => string

/**
 * Masks for one archive. Addresses get names that say whether two are the same, and nothing else: `ip-3f9a2c`, `mac-09be11`. The
 * key of these names is in no file. `hide` knows the values of secrets.
 */
export function masking(hide: Mask, key: Buffer = randomBytes(32)): Mask {
  const named = (kind: string, text: string): string =>
    `${kind}-${createHmac('sha256', key).update(text.toLowerCase()).digest('hex').slice(0, 6)}`
  return text => {
    const safe = SECRETIVE.reduce((t, form) => t.replace(form, HIDDEN), hide(text))
    return safe
      .replace(MAC, mac => named('mac', mac.replaceAll('-', ':')))
      .replace(IPV4, ip => (isIP(ip) === 4 && !EVERYONES.test(ip) ? named('ip', ip) : ip))
      .replace(IPV6, ip =>
        isIP(ip.split('%')[0] ?? '') === 6 && !EVERYONES.test(ip) ? named('ip', ip) : ip,
      )
  }
}

/** The same for every text in plain data, also in its keys. */
export function masked(value: unknown, mask: Mask): unknown {
  if (typeof value === 'string') return mask(value)
  if (Array.isArray(value)) return value.map(v => masked(v, mask))
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [mask(k), masked(v, mask)]))
  return value
}

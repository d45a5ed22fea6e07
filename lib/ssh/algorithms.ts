import { nameOf, type Answers } from './keywords.ts'

/** The algorithms that fmc offers to a host, best first. */
export interface Algorithms {
  readonly kex: readonly string[]
  readonly cipher: readonly string[]
  readonly hmac: readonly string[]
  readonly serverHostKey: readonly string[]
  /** RequiredRSASize: fmc refuses RSA keys with fewer bits, the host's and the user's. */
  readonly rsaBits: number
}

/** Everything ssh2 supports (ssh2/lib/protocol/constants.js), in OpenSSH's order. A test compares it with ssh2's own lists. */
export const SUPPORTED: Omit<Algorithms, 'rsaBits'> = {
  kex: [
    'curve25519-sha256',
    'curve25519-sha256@libssh.org',
    'ecdh-sha2-nistp256',
    'ecdh-sha2-nistp384',
    'ecdh-sha2-nistp521',
    'diffie-hellman-group-exchange-sha256',
    'diffie-hellman-group16-sha512',
    'diffie-hellman-group18-sha512',
    'diffie-hellman-group14-sha256',
    'diffie-hellman-group-exchange-sha1',
    'diffie-hellman-group14-sha1',
    'diffie-hellman-group1-sha1',
  ],
  cipher: [
    'chacha20-poly1305@openssh.com',
    'aes128-ctr',
    'aes192-ctr',
    'aes256-ctr',
    'aes128-gcm@openssh.com',
    'aes256-gcm@openssh.com',
    'aes128-cbc',
    'aes192-cbc',
    'aes256-cbc',
    '3des-cbc',
  ],
  hmac: [
    'hmac-sha2-256-etm@openssh.com',
    'hmac-sha2-512-etm@openssh.com',
    'hmac-sha1-etm@openssh.com',
    'hmac-sha2-256',
    'hmac-sha2-512',
    'hmac-sha1',
    'hmac-sha1-96',
    'hmac-md5',
    'hmac-md5-96',
  ],
  serverHostKey: [
    'ssh-ed25519',
    'ecdsa-sha2-nistp256',
    'ecdsa-sha2-nistp384',
    'ecdsa-sha2-nistp521',
    'rsa-sha2-512',
    'rsa-sha2-256',
    'ssh-rsa',
    'ssh-dss',
  ],
}

/** Without any configuration: the part of SUPPORTED that OpenSSH offers by default (ssh_config(5) of 9.2). */
export const DEFAULTS: Algorithms = {
  kex: SUPPORTED.kex.filter(a => !a.endsWith('-sha1')),
  // ssh2's own order: AES-GCM costs the least.
  cipher: [
    'aes128-gcm@openssh.com',
    'aes256-gcm@openssh.com',
    'aes128-ctr',
    'aes192-ctr',
    'chacha20-poly1305@openssh.com',
    'aes256-ctr',
  ],
  hmac: SUPPORTED.hmac.slice(0, 6),
  serverHostKey: SUPPORTED.serverHostKey.slice(0, 6),
  rsaBits: 1024,
}

const LISTS = {
  kex: 'kexalgorithms',
  cipher: 'ciphers',
  hmac: 'macs',
  serverHostKey: 'hostkeyalgorithms',
} as const

/** The signatures that ssh2 makes to log in. It chooses between the last two itself. */
const SIGNATURES = DEFAULTS.serverHostKey

/**
 * The configured lists, reduced to what ssh2 supports, in ssh's order. `beyond`: a setting that ssh2 cannot follow, because
 * it supports nothing of the list or has no option for that choice of signatures.
 */
export const algorithmsOf = (
  answers: Answers,
): { algorithms: Algorithms; beyond: string | undefined } => {
  let beyond: string | undefined
  const cut = (name: keyof typeof LISTS): readonly string[] => {
    const text = answers.get(LISTS[name])?.[0]
    if (text === undefined) return DEFAULTS[name]
    const wanted = text.split(',')
    const left = wanted.filter(a => SUPPORTED[name].includes(a))
    if (left.length === 0) beyond ??= `${nameOf(LISTS[name])} ${text}`
    const same =
      left.length === DEFAULTS[name].length && left.every(a => DEFAULTS[name].includes(a))
    return name === 'cipher' && same ? DEFAULTS[name] : left
  }
  const accepted = (answers.get('pubkeyacceptedalgorithms') ??
    answers.get('pubkeyacceptedkeytypes'))?.[0]
  const signatures = accepted?.split(',').filter(a => SUPPORTED.serverHostKey.includes(a))
  if (
    signatures &&
    (signatures.length !== SIGNATURES.length || !SIGNATURES.every(a => signatures.includes(a)))
  )
    beyond ??= `${nameOf('pubkeyacceptedalgorithms')} ${accepted ?? ''}`
  const algorithms = {
    kex: cut('kex'),
    cipher: cut('cipher'),
    hmac: cut('hmac'),
    serverHostKey: cut('serverHostKey'),
    rsaBits: Number(answers.get('requiredrsasize')?.[0] ?? DEFAULTS.rsaBits),
  }
  return { algorithms, beyond }
}

const fieldsOf = (blob: Buffer): Buffer[] => {
  const fields: Buffer[] = []
  for (let at = 0; at + 4 <= blob.length;) {
    const size = blob.readUInt32BE(at)
    fields.push(blob.subarray(at + 4, at + 4 + size))
    at += 4 + size
  }
  return fields
}

/** Bits of an RSA public key (RFC 4253 §6.6: type, e, n); undefined for a key of another type. */
export const rsaBits = (blob: Buffer): number | undefined => {
  const [type, , n] = fieldsOf(blob)
  if (type?.toString('latin1') !== 'ssh-rsa' || n === undefined) return undefined
  const first = n.findIndex(byte => byte !== 0)
  return first < 0 ? 0 : (n.length - first) * 8 - Math.clz32(n[first] ?? 0) + 24
}

/** Is this public key an RSA key with fewer bits than RequiredRSASize demands? */
export const tooShort = (blob: Buffer, algorithms: Algorithms): boolean =>
  (rsaBits(blob) ?? Infinity) < algorithms.rsaBits

/**
 * Keys that sign plans: Ed25519 (RFC 8032). An age identity cannot sign, so fmc derives a key from it with HKDF-SHA-256
 * (RFC 5869); everyone who has the identity has the key. Public keys are written as OpenSSH does: `ssh-ed25519 AAAA…`.
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  hkdfSync,
  sign,
  verify,
  type KeyObject,
} from 'node:crypto'
import { UsageError } from '../errors.ts'
import type { Secret } from '../secrets/secret.ts'

/** A private key in use. */
export interface SigningKey {
  /** `ssh-ed25519 AAAA…`. */
  readonly publicKey: string
  /** The signature of a text, base64. */
  sign(text: string): string
}

/** What stands before a raw Ed25519 key in PKCS#8 and in SPKI (RFC 8410, section 10). */
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex')
const SPKI = Buffer.from('302a300506032b6570032100', 'hex')

/** What stands before a raw Ed25519 key in OpenSSH's form: its name and the length (RFC 8709, section 4). */
const SSH = Buffer.concat([
  Buffer.from([0, 0, 0, 11]),
  Buffer.from('ssh-ed25519'),
  Buffer.from([0, 0, 0, 32]),
])

const PURPOSE = 'fmc plan signing key v1'

/** The key that belongs to an age identity (AGE-SECRET-KEY-1…). */
export const keyOfIdentity = (identity: Secret): SigningKey =>
  fromSeed(Buffer.from(hkdfSync('sha256', identity.reveal().trim(), '', PURPOSE, 32)))

const fromSeed = (seed: Buffer): SigningKey =>
  signingKey(createPrivateKey({ key: Buffer.concat([PKCS8, seed]), format: 'der', type: 'pkcs8' }))

function signingKey(key: KeyObject): SigningKey {
  const raw = createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(SPKI.length)
  return {
    publicKey: `ssh-ed25519 ${Buffer.concat([SSH, raw]).toString('base64')}`,
    sign: text => sign(null, Buffer.from(text), key).toString('base64'),
  }
}

/**
 * The key in the text of a file: an OpenSSH private key without a passphrase (ssh-keygen -t ed25519 -N ''), or PEM (openssl genpkey
 * -algorithm ed25519). Throws UsageError that names the file and never shows its text.
 */
export function keyOfFile(text: string, file: string): SigningKey {
  const wrong = (why: string): UsageError =>
    new UsageError(`${file} ${why}`, {
      hint: "ssh-keygen -t ed25519 -N '' -f plan-key   # or leave out --key: your age identity signs",
    })
  if (text.includes('BEGIN OPENSSH PRIVATE KEY')) return fromSeed(seedOfOpenssh(text, wrong))
  let key: KeyObject
  try {
    key = createPrivateKey(text)
  } catch {
    throw wrong('is not an Ed25519 private key without a passphrase')
  }
  if (key.asymmetricKeyType !== 'ed25519') throw wrong('is not an Ed25519 key')
  return signingKey(key)
}

/** The seed in an OpenSSH private key (openssh-portable, PROTOCOL.key). */
function seedOfOpenssh(text: string, wrong: (why: string) => UsageError): Buffer {
  const base64 = /-----BEGIN OPENSSH PRIVATE KEY-----([\s\S]+?)-----END/.exec(text)?.[1] ?? ''
  const bytes = Buffer.from(base64, 'base64')
  let at = 'openssh-key-v1\0'.length
  const next = (): Buffer => {
    if (at + 4 > bytes.length) throw wrong('is damaged')
    const from = at + 4
    at = from + bytes.readUInt32BE(at)
    if (at > bytes.length) throw wrong('is damaged')
    return bytes.subarray(from, at)
  }
  if (bytes.subarray(0, at).toString('latin1') !== 'openssh-key-v1\0') throw wrong('is damaged')
  const cipher = next().toString('latin1')
  if (cipher !== 'none') throw wrong('is encrypted with a passphrase, which fmc does not ask for')
  next()
  next()
  // The number of keys, then the public one.
  at += 4
  next()
  const secret = next()
  // Two equal check numbers, the kind, the public key, and the seed followed by the public key again.
  const kind = secret.subarray(12, 12 + 11).toString('latin1')
  if (secret.length < 8 + 4 + 11 + 4 + 32 + 4 + 64 || kind !== 'ssh-ed25519')
    throw wrong('is not an Ed25519 key')
  const seedAt = 8 + 4 + 11 + 4 + 32 + 4
  return Buffer.from(secret.subarray(seedAt, seedAt + 32))
}

/** The raw key in `ssh-ed25519 AAAA…`; undefined: it is none. */
export function rawKey(publicKey: string): Buffer | undefined {
  const base64 = /^ssh-ed25519 ([A-Za-z0-9+/]{68})$/.exec(publicKey)?.[1]
  const blob = Buffer.from(base64 ?? '', 'base64')
  if (blob.length !== SSH.length + 32 || !blob.subarray(0, SSH.length).equals(SSH)) return undefined
  return blob.toString('base64') === base64 ? blob.subarray(SSH.length) : undefined
}

/** Did the holder of this key sign exactly this text? false also for anything that is no key or no signature. */
export function isSignedBy(publicKey: string, text: string, signature: string): boolean {
  const raw = rawKey(publicKey)
  const bytes = Buffer.from(signature, 'base64')
  if (!raw || bytes.length !== 64 || bytes.toString('base64') !== signature) return false
  const key = createPublicKey({ key: Buffer.concat([SPKI, raw]), format: 'der', type: 'spki' })
  return verify(null, Buffer.from(text), key, bytes)
}

/** As `ssh-keygen -l` shows it: `SHA256:…`. */
export function fingerprint(publicKey: string): string {
  const blob = Buffer.from(publicKey.split(' ')[1] ?? '', 'base64')
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`
}

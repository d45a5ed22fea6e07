import { createPrivateKey, createPublicKey, randomBytes } from 'node:crypto'
import { excerpt, Secret, TaskError } from '../../lib/index.ts'

/** A public or private key as wg(8) writes it: 32 bytes in canonical base64. */
export const KEY = /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/

/**
 * The key, if it is one word. Throws TaskError otherwise: it goes into a configuration, and wg-quick would run the
 * commands on a further line (PostUp).
 */
export function oneWord(key: string, whose: string): string {
  if (/^[\w+/=-]+$/.test(key)) return key
  throw new TaskError(`the public key of ${whose} is not a key: ${excerpt(key)}`)
}

/** The bytes before the 32 of an X25519 private key in PKCS #8 (RFC 8410). */
const PKCS8 = Buffer.from('302e020100300506032b656e04220420', 'hex')

/** The public key of a private one, as `wg pubkey` prints it. Throws TaskError for anything but a private key. */
export function publicKeyOf(privateKey: Secret): string {
  const raw = Buffer.from(privateKey.reveal().trim(), 'base64')
  if (raw.length !== 32 || raw.toString('base64') !== privateKey.reveal().trim())
    throw new TaskError(`the secret ${privateKey.name} is not a WireGuard key`, {
      hint: 'wg genkey, or fmc wireguard client NAME --random',
    })
  const key = createPrivateKey({ key: Buffer.concat([PKCS8, raw]), format: 'der', type: 'pkcs8' })
  return createPublicKey(key)
    .export({ format: 'der', type: 'spki' })
    .subarray(-32)
    .toString('base64')
}

/** A new private key, as `wg genkey` makes it. `name` is the name of the secret. */
export function newPrivateKey(name: string): Secret {
  const raw = randomBytes(32)
  raw[0] = (raw[0] ?? 0) & 248
  raw[31] = ((raw[31] ?? 0) & 127) | 64
  return new Secret(raw.toString('base64'), name)
}

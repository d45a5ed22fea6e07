import { createPrivateKey, createPublicKey, randomBytes } from 'node:crypto'
import { excerpt, Secret, TaskError } from '../../lib/index.ts'

/** A public or private key as wg(8) writes it: 32 bytes in canonical base64. Nothing else that a host says is taken for one. */
export const KEY = /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/

/**
 * A key that goes into a configuration, whoever gave it: one word, because wg-quick runs what a further line says
 * (PostUp). Throws TaskError.
 */
export function oneWord(key: string, whose: string): string {
  if (/^[\w+/=-]+$/.test(key)) return key
  throw new TaskError(`the public key of ${whose} is none: ${excerpt(key)}`)
}

/** What stands before the 32 bytes of an X25519 private key in PKCS #8 (RFC 8410). */
const PKCS8 = Buffer.from('302e020100300506032b656e04220420', 'hex')

/** The public key of a private one, as `wg pubkey`. Throws TaskError for what is no key. */
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

/** As `wg genkey`. */
export function newPrivateKey(name: string): Secret {
  const raw = randomBytes(32)
  raw[0] = (raw[0] ?? 0) & 248
  raw[31] = ((raw[31] ?? 0) & 127) | 64
  return new Secret(raw.toString('base64'), name)
}

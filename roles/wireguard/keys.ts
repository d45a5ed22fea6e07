import { createPrivateKey, createPublicKey, randomBytes } from 'node:crypto'
import { Secret, TaskError } from '../../lib/index.ts'

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

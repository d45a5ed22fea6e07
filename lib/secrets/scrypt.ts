import { createCipheriv, createDecipheriv, randomBytes, scrypt } from 'node:crypto'
import type { Identity, Recipient, Stanza } from 'age-encryption'
import type { Secret } from './secret.ts'

/*
 * age's passphrase stanza (https://c2sp.org/age, "The scrypt recipient type") with Node's own scrypt, which takes half a second;
 * the library's JavaScript takes several.
 */
const LABEL = 'age-encryption.org/v1/scrypt'
const NONCE = Buffer.alloc(12)
const TAG_BYTES = 16
/** log2 of the cost: the value that `age` writes, and the largest that it reads. */
const WORK_FACTOR = 18
const MAX_WORK_FACTOR = 22

const wrapKey = (passphrase: Secret, salt: Buffer, logN: number): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const cost = { N: 2 ** logN, r: 8, p: 1, maxmem: 2 ** logN * 1024 + 2 ** 20 }
    const salted = Buffer.concat([Buffer.from(LABEL), salt])
    scrypt(passphrase.reveal(), salted, 32, cost, (error, key) => {
      if (error) reject(error)
      else resolve(key)
    })
  })

const base64 = (bytes: Buffer): string => bytes.toString('base64').replaceAll('=', '')

/** Encrypts to a passphrase. Only tests lower `workFactor`. */
export const passphraseRecipient = (
  passphrase: Secret,
  StanzaType: typeof Stanza,
  workFactor = WORK_FACTOR,
): Recipient => ({
  async wrapFileKey(fileKey) {
    const salt = randomBytes(16)
    const key = await wrapKey(passphrase, salt, workFactor)
    const cipher = createCipheriv('chacha20-poly1305', key, NONCE, { authTagLength: TAG_BYTES })
    const body = Buffer.concat([cipher.update(fileKey), cipher.final(), cipher.getAuthTag()])
    return [new StanzaType(['scrypt', base64(salt), String(workFactor)], body)]
  },
})

/** Decrypts with a passphrase; null for a wrong one. */
export const passphraseIdentity = (passphrase: Secret): Identity => ({
  async unwrapFileKey(stanzas) {
    const [stanza, ...more] = stanzas.filter(({ args }) => args[0] === 'scrypt')
    if (!stanza) return null
    const [, salt = '', logN = ''] = stanza.args
    const bytes = Buffer.from(salt, 'base64')
    const workFactor = /^[1-9]\d?$/.test(logN) ? Number(logN) : Infinity
    const sound = bytes.length === 16 && stanza.body.length === 32 && workFactor <= MAX_WORK_FACTOR
    if (!sound || more.length > 0 || stanzas.length > 1) throw new Error('invalid scrypt stanza')
    const key = await wrapKey(passphrase, bytes, workFactor)
    const open = createDecipheriv('chacha20-poly1305', key, NONCE, { authTagLength: TAG_BYTES })
    open.setAuthTag(stanza.body.subarray(16))
    try {
      return new Uint8Array(Buffer.concat([open.update(stanza.body.subarray(0, 16)), open.final()]))
    } catch {
      return null
    }
  },
})

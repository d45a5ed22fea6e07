import { UsageError } from '../errors.ts'
import { passphraseIdentity, passphraseRecipient } from './scrypt.ts'
import type { Secret } from './secret.ts'

/** To whom a text is encrypted. age allows recipients or one passphrase, never both. */
export type Lock =
  | { readonly recipients: readonly string[] }
  | { readonly passphrase: Secret; readonly workFactor?: number }

/** What decrypts it. */
export type Key = { readonly identities: readonly Secret[] } | { readonly passphrase: Secret }

const VERSION = 'age-encryption.org/v1'
const ARMOR = '-----BEGIN AGE ENCRYPTED FILE-----'
const library = () => import('age-encryption')

/** Encrypts a text, armored. Throws UsageError for an invalid recipient. */
export const seal = async (text: string, lock: Lock): Promise<string> => {
  const { Encrypter, Stanza, armor } = await library()
  const encrypter = new Encrypter()
  if ('passphrase' in lock)
    encrypter.addRecipient(passphraseRecipient(lock.passphrase, Stanza, lock.workFactor))
  else for (const recipient of lock.recipients) addRecipient(encrypter, recipient)
  return `${armor.encode(await encrypter.encrypt(text)).trimEnd()}\n`
}

const addRecipient = (encrypter: { addRecipient(s: string): void }, recipient: string): void => {
  if (/^AGE-SECRET-KEY/i.test(recipient))
    throw new UsageError('an identity (AGE-SECRET-KEY-…) was given as a recipient', {
      hint: 'recipients are public and start with age1',
    })
  try {
    encrypter.addRecipient(recipient)
  } catch {
    // Anything that does not look like a recipient may be a passphrase.
    const shown = /^age1\w*$/.test(recipient) ? JSON.stringify(recipient) : 'the given text'
    throw new UsageError(`${shown} is not an age recipient`, {
      hint: 'a recipient starts with age1; fmc secrets init prints yours',
    })
  }
}

const corrupted = (file: string): UsageError =>
  new UsageError(`${file} is damaged, or not an age file`, {
    hint: 'restore the last good copy, such as from version control',
  })

const decoded = async (data: Buffer, file: string): Promise<Buffer> => {
  if (!data.subarray(0, 64).toString('latin1').trimStart().startsWith(ARMOR)) return data
  try {
    return Buffer.from((await library()).armor.decode(data.toString('latin1')))
  } catch {
    throw corrupted(file)
  }
}

/** How a file is encrypted, from its header. Throws UsageError if it is not an age file. */
export const lockKind = async (
  data: Buffer,
  file: string,
): Promise<'passphrase' | 'recipients'> => {
  const [version, ...lines] = (await decoded(data, file)).toString('latin1').split('\n')
  if (version !== VERSION) throw corrupted(file)
  return lines[0]?.startsWith('-> scrypt ') ? 'passphrase' : 'recipients'
}

/** Decrypts a file; null: the key does not fit. Throws UsageError if the file is damaged. */
export const unseal = async (data: Buffer, key: Key, file: string): Promise<string | null> => {
  const bytes = await decoded(data, file)
  const { Decrypter } = await library()
  const decrypter = new Decrypter()
  if ('passphrase' in key) decrypter.addIdentity(passphraseIdentity(key.passphrase))
  else for (const identity of key.identities) decrypter.addIdentity(identity.reveal())
  try {
    const plain = await decrypter.decrypt(new Uint8Array(bytes))
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(plain)
  } catch (error) {
    if (error instanceof Error && error.message.startsWith('no identity matched')) return null
    throw corrupted(file)
  }
}

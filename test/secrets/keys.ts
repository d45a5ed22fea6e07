import { chmodSync, writeFileSync } from 'node:fs'
import { generateX25519Identity, identityToRecipient } from 'age-encryption'
import { seal, type Lock } from '../../lib/secrets/age.ts'
import { emptyDocument, withSecret } from '../../lib/secrets/document.ts'
import { reveal, Secret } from '../../lib/secrets/secret.ts'
import { replaceFile } from '../../lib/secrets/store.ts'

/** A new key pair. */
export const newKey = async () => {
  const text = await generateX25519Identity()
  return { identity: new Secret(text), recipient: await identityToRecipient(text) }
}

/** A new key pair whose identity is in a file. */
export const newKeyFile = async (path: string, mode = 0o600) => {
  const key = await newKey()
  writeFileSync(path, `# made by a test\n\n${key.identity.reveal()}\n`)
  chmodSync(path, mode)
  return { ...key, path }
}

/** Encrypts `values` as a secrets file. */
export const saveSecrets = async (
  file: string,
  values: ReadonlyMap<string, Secret | string>,
  lock: Lock,
): Promise<void> => {
  let text = emptyDocument('recipients' in lock ? lock.recipients : [])
  for (const [name, value] of values) text = await withSecret(text, file, name, reveal(value))
  await replaceFile(file, await seal(text, lock))
}

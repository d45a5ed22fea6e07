import { chmodSync, writeFileSync } from 'node:fs'
import { generateX25519Identity, identityToRecipient } from 'age-encryption'
import { Secret } from '../../lib/secrets/secret.ts'

/** A fresh key pair. */
export const newKey = async () => {
  const text = await generateX25519Identity()
  return { identity: new Secret(text), recipient: await identityToRecipient(text) }
}

/** A fresh key pair whose identity is in a file. */
export const newKeyFile = async (path: string, mode = 0o600) => {
  const key = await newKey()
  writeFileSync(path, `# made by a test\n\n${key.identity.reveal()}\n`)
  chmodSync(path, mode)
  return { ...key, path }
}

import { join } from 'node:path'
import { seal } from '../../secrets/age.ts'
import { emptyDocument } from '../../secrets/document.ts'
import {
  createIdentity,
  identityPath,
  readIdentities,
  recipientsOf,
} from '../../secrets/identity.ts'
import { replaceFile } from '../../secrets/store.ts'

/** Makes secrets.age in a directory, for the user's identity. `say` gets what the user has to know. Throws UsageError. */
export async function initSecrets(dir: string, say: (text: string) => void): Promise<void> {
  const path = identityPath(process.env)
  const found = await readIdentities(path)
  const recipients = await recipientsOf(found ?? [await createIdentity(path)])
  if (!found) say(`made your identity ${path}: keep a copy in a safe place, and never commit it`)
  for (const recipient of recipients) say(`your recipient: ${recipient}`)
  await replaceFile(join(dir, 'secrets.age'), await seal(emptyDocument(recipients), { recipients }))
}

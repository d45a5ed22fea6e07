import { existsSync } from 'node:fs'
import { UsageError } from '../../errors.ts'
import { keyOfFile, keyOfIdentity, type SigningKey } from '../../plan/signing.ts'
import { identityPath, readIdentities, readPrivate, recipientsOf } from '../../secrets/identity.ts'
import { shownPath } from '../../secrets/secretive.ts'
import type { Secret } from '../../secrets/secret.ts'
import { openStore } from '../../secrets/store.ts'

/** Where a user's keys are. */
export interface KeyChoice {
  /** The age identity; default $FMC_AGE_IDENTITY, else ~/.config/fmc/identity.txt. */
  readonly identity?: string | undefined
  /** An Ed25519 key that signs instead of the identity. */
  readonly key?: string | undefined
}

/** A user's keys. */
export interface Keys {
  /** Age identities; empty: the user has none. */
  readonly identities: readonly Secret[]
  /** The keys that are the user's own: the one that signs first; empty: none. */
  readonly signing: readonly SigningKey[]
}

/** The user's keys. Throws UsageError for a file that is named and missing, wrong, or readable by others. */
export async function keysOf({ identity, key }: KeyChoice): Promise<Keys> {
  const identities = (await readIdentities(identityPath(process.env, identity))) ?? []
  if (identities.length === 0 && identity !== undefined)
    throw new UsageError(`there is no identity file ${shownPath(identity)}`)
  const derived = identities.map(keyOfIdentity)
  if (key === undefined) return { identities, signing: derived }
  const text = await readPrivate(key)
  if (text === undefined) throw new UsageError(`--key: there is no file ${shownPath(key)}`)
  return { identities, signing: [keyOfFile(text, key), ...derived] }
}

/** The key that signs. Throws UsageError if there is none. */
export function signingKey({ signing: [key] }: Keys): SigningKey {
  if (key) return key
  throw new UsageError('there is no key to sign with: no age identity and no --key', {
    hint: 'fmc secrets init makes an identity',
  })
}

/**
 * To whom the encrypted part of a plan goes: the user, and all who may open the project's secrets. If the secrets file cannot be opened
 * with the identity, or is locked with a passphrase, only the user. Throws UsageError if there is nobody.
 */
export async function planRecipients(
  { identities }: Keys,
  secretsFile: string,
  identity: string | undefined,
): Promise<string[]> {
  const own = await recipientsOf(identities)
  if (own.length === 0)
    throw new UsageError('a plan is encrypted to your age identity, and there is none', {
      hint: 'fmc secrets init makes one',
    })
  if (!existsSync(secretsFile)) return own
  const refuse = (): Promise<never> => Promise.reject(new UsageError('locked with a passphrase'))
  const others = await openStore(secretsFile, {
    identity,
    prompt: refuse,
    env: { ...process.env, FMC_AGE_PASSPHRASE_FILE: '' },
  }).then(
    store => store.contents.recipients,
    () => [],
  )
  return [...new Set([...own, ...others])]
}

/** The part of a plan that is encrypted with age to everyone who may open the project's secrets. */
import { createHmac, randomBytes } from 'node:crypto'
import { z } from 'zod'
import { UsageError } from '../errors.ts'
import { seal, unseal } from '../secrets/age.ts'
import type { Secret } from '../secrets/secret.ts'

const schema = z.strictObject({
  /** The key of all digests of the plan, base64: without it nobody can guess what a digest stands for. */
  digestKey: z.string().regex(/^[A-Za-z0-9+/]{43}=$/),
  /** The options -e, as given. */
  extraVars: z.array(z.string()),
  /** Diffs of the planned changes, by the number of the task. */
  diffs: z.record(z.string().regex(/^\d{1,9}$/), z.array(z.string())),
})

export type Box = z.infer<typeof schema>

/** A new random key for a plan's digests, base64. */
export const newDigestKey = (): string => randomBytes(32).toString('base64')

/** Makes digests (HMAC-SHA-256, cut to 128 bits) with a box's key. */
export const digestWith =
  ({ digestKey }: Pick<Box, 'digestKey'>) =>
  (text: string): string =>
    createHmac('sha256', Buffer.from(digestKey, 'base64'))
      .update(text)
      .digest()
      .subarray(0, 16)
      .toString('base64url')

/** Encrypts a box to age recipients. */
export const sealBox = (box: Box, recipients: readonly string[]): Promise<string> =>
  seal(JSON.stringify(box), { recipients })

/** Decrypts a box; undefined: none of the identities is among its recipients. Throws UsageError if it is damaged. */
export async function openBox(
  sealed: string,
  identities: readonly Secret[],
  file: string,
): Promise<Box | undefined> {
  if (identities.length === 0) return undefined
  const text = await unseal(Buffer.from(sealed), { identities }, `the encrypted part of ${file}`)
  if (text === null) return undefined
  try {
    return schema.parse(JSON.parse(text))
  } catch {
    throw new UsageError(`the encrypted part of ${file} is not what fmc writes`)
  }
}

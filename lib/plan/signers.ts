import { readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { UsageError } from '../errors.ts'
import { suggestion } from '../text/nearest.ts'
import { demandTrust } from '../trust.ts'
import { rawKey } from './signing.ts'

/** Whose keys a project knows: a file beside the inventory, one `NAME ssh-ed25519 KEY` per line. */
export const SIGNERS = 'signers'

export const signersFile = (inventory: string): string => join(dirname(resolve(inventory)), SIGNERS)

/** The keys of a project's people by name; a name may have several. */
export type Signers = ReadonlyMap<string, readonly string[]>

const MOST_BYTES = 1024 * 1024
const NAME = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/

/** Is it a name as the file may have it? */
export const isSignerName = (name: string): boolean => NAME.test(name)

/**
 * The keys in the text of a `signers` file. Empty lines and lines with # are skipped; what follows the key is a comment. Throws
 * UsageError with file:line.
 *
 *     parseSigners('alice ssh-ed25519 AAAA… alice@laptop\n', 'signers')  // Map { 'alice' => ['ssh-ed25519 AAAA…'] }
 */
export function parseSigners(text: string, file: string): Signers {
  const found = new Map<string, string[]>()
  for (const [i, raw] of text.split('\n').entries()) {
    const line = raw.trim()
    if (line === '' || line.startsWith('#')) continue
    const [name = '', kind = '', base64 = ''] = line.split(/\s+/)
    const key = `${kind} ${base64}`
    if (!isSignerName(name) || rawKey(key) === undefined)
      throw new UsageError(`${file}:${i + 1}: expected NAME ssh-ed25519 KEY`, {
        hint: 'fmc approve --print-key prints yours; a file such as id_ed25519.pub has the two words after the name',
      })
    found.set(name, [...(found.get(name) ?? []), key])
  }
  return found
}

/** The project's signers; none if there is no file. Throws UsageError, also when another user could have written the file. */
export function readSigners(inventory: string): Signers {
  const file = signersFile(inventory)
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return new Map()
    throw new UsageError(`cannot read ${file}: ${code}`)
  }
  demandTrust(file, [file], dirname(file))
  if (text.length > MOST_BYTES) throw new UsageError(`${file} is larger than 1 MB`)
  return parseSigners(text, file)
}

/** The key of the name that must approve. Throws UsageError unless it has exactly one. */
export function approverKey(signers: Signers, name: string, file: string): string {
  const [key, ...more] = signers.get(name) ?? []
  if (key === undefined)
    throw new UsageError(`--require-approval ${name}: ${file} has no key of ${name}`, {
      hint:
        suggestion(name, signers.keys()) ??
        `${name} prints it with fmc approve --print-key; add the line: ${name} ssh-ed25519 …`,
    })
  if (more.length > 0)
    throw new UsageError(
      `--require-approval ${name}: ${file} has ${more.length + 1} keys of ${name}, and an approver needs exactly one`,
    )
  return key
}

/** The name that the file gives a key. */
export const nameOfKey = (signers: Signers, key: string): string | undefined =>
  [...signers].find(([, keys]) => keys.includes(key))?.[0]

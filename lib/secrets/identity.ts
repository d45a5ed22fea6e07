import { mkdir, open, readFile, stat, type FileHandle } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { homeDir } from '../cache-dir.ts'
import { UsageError } from '../errors.ts'
import { shownPath } from './secretive.ts'
import { Secret } from './secret.ts'

type Env = Readonly<Record<string, string | undefined>>

/** Path of the identity file: `given`, else $FMC_AGE_IDENTITY, else ~/.config/fmc/identity.txt. */
export const identityPath = (env: Env, given?: string): string => {
  const named = given ?? env.FMC_AGE_IDENTITY
  if (named) return named
  const home = homeDir(env)
  if (home === undefined)
    throw new UsageError('there is no home directory with an identity', {
      hint: 'name yours with --identity FILE or FMC_AGE_IDENTITY',
    })
  return join(home, '.config/fmc/identity.txt')
}

/** The text of a file that only its owner may read; undefined: there is none. Throws UsageError if other users may read it. */
export const readPrivate = async (path: string): Promise<string | undefined> => {
  try {
    const { mode } = await stat(path)
    if ((mode & 0o077) !== 0)
      throw new UsageError(
        `${path} can be read by other users (mode ${(mode & 0o777).toString(8).padStart(4, '0')})`,
        { hint: `chmod 600 ${path}` },
      )
    return await readFile(path, 'utf8')
  } catch (error) {
    if (error instanceof UsageError) throw error
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error'
    if (code === 'ENOENT') return undefined
    throw new UsageError(`${shownPath(path)} cannot be read: ${code}`)
  }
}

/**
 * The identities of an age identity file (one per line, with # comments); undefined: there is no file. Throws UsageError that
 * names file and line, never the text.
 */
export const readIdentities = async (path: string): Promise<readonly Secret[] | undefined> => {
  const text = await readPrivate(path)
  if (text === undefined) return undefined
  if (/^(-----BEGIN AGE|age-encryption\.org)/.test(text))
    throw new UsageError(`${path} is itself encrypted; fmc cannot read that`, {
      hint: `decrypt it with age -d ${path} into a file of mode 0600 on a tmpfs, and name that`,
    })
  const identities: Secret[] = []
  for (const [i, raw] of text.split('\n').entries()) {
    const line = raw.trim()
    if (line === '' || line.startsWith('#')) continue
    if (!(await isIdentity(line)))
      throw new UsageError(`${path}:${i + 1}: expected an age identity (AGE-SECRET-KEY-1…)`)
    identities.push(new Secret(line, 'age identity'))
  }
  if (identities.length === 0) throw new UsageError(`${path} contains no age identity`)
  return identities
}

const isIdentity = async (line: string): Promise<boolean> => {
  const { identityToRecipient } = await import('age-encryption')
  return identityToRecipient(line).then(
    () => true,
    () => false,
  )
}

/** The recipients (public keys) of identities. */
export const recipientsOf = async (identities: readonly Secret[]): Promise<string[]> => {
  const { identityToRecipient } = await import('age-encryption')
  return Promise.all(identities.map(identity => identityToRecipient(identity.reveal())))
}

/** Creates an identity file, mode 0600 in a directory of mode 0700. Throws UsageError if the file exists. */
export const createIdentity = async (path: string): Promise<Secret> => {
  const { generateX25519Identity, identityToRecipient } = await import('age-encryption')
  const identity = await generateX25519Identity()
  const recipient = await identityToRecipient(identity)
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  let file: FileHandle | undefined
  try {
    file = await open(path, 'wx', 0o600)
    const created = new Date().toISOString()
    await file.writeFile(`# created: ${created}\n# public key: ${recipient}\n${identity}\n`)
    await file.sync()
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error'
    throw new UsageError(`${shownPath(path)} cannot be written: ${code}`)
  } finally {
    await file?.close()
  }
  return new Secret(identity, 'age identity')
}

import { randomBytes } from 'node:crypto'
import { link, open, readFile, realpath, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { suggestion } from '../nearest.ts'
import { shownPath } from './secretive.ts'
import { UsageError } from '../errors.ts'
import { lockKind, seal, unseal, type Key, type Lock } from './age.ts'
import { emptyDocument, parseContents, withSecret, type Contents } from './document.ts'
import { identityPath, readIdentities, readPrivate } from './identity.ts'
import { askHidden, type Ask } from './prompt.ts'
import { reveal, Secret } from './secret.ts'

export interface KeyOptions {
  /** Identity file; default $FMC_AGE_IDENTITY, else ~/.config/fmc/identity.txt. */
  readonly identity?: string | undefined
  /** Asks for the passphrase; default: on /dev/tty, without echo. */
  readonly prompt?: Ask | undefined
  readonly env?: Readonly<Record<string, string | undefined>> | undefined
}

/** A secrets file that has been opened. */
export interface Store {
  readonly file: string
  /** The decrypted YAML. */
  readonly text: string
  readonly contents: Contents
  /** The file as it was read, to see that nobody else changed it since. */
  readonly sealed: Buffer
  readonly key: Key
}

/** The secrets of a file by name. UsageError: no file, no or the wrong key, a damaged file, invalid YAML. */
export const openSecrets = async (
  file: string,
  options: KeyOptions = {},
): Promise<ReadonlyMap<string, Secret>> => {
  const { contents } = await openStore(file, options)
  return new Map([...contents.secrets].map(([name, text]) => [name, new Secret(text, name)]))
}

/** The secret of that name. UsageError says the nearest name there is; `where` is file:line:column of the reference. */
export const secretNamed = (
  secrets: ReadonlyMap<string, Secret>,
  name: string,
  file: string,
  where?: string,
): Secret => {
  const found = secrets.get(name)
  if (found) return found
  throw new UsageError(`${where === undefined ? '' : `${where}: `}no secret ${name} in ${file}`, {
    hint: suggestion(name, secrets.keys()) ?? `fmc secrets set ${name}`,
  })
}

/** Opens a secrets file for reading and changing. */
export const openStore = async (file: string, options: KeyOptions = {}): Promise<Store> => {
  const sealed = await readSealed(file)
  const key = await keyFor(file, sealed, options)
  const text = await unseal(sealed, key, file)
  if (text === null) throw wrongKey(file, key, options)
  return { file, text, contents: await parseContents(text, file), sealed, key }
}

const readSealed = (file: string): Promise<Buffer> =>
  readFile(file).catch((error: unknown) => {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException
    if (code !== 'ENOENT') throw new UsageError(`${shownPath(file)} cannot be read: ${code}`)
    throw new UsageError(`there is no secrets file ${shownPath(file)}`, {
      hint: 'fmc secrets init',
    })
  })

const keyFor = async (file: string, sealed: Buffer, options: KeyOptions): Promise<Key> => {
  const env = options.env ?? process.env
  if ((await lockKind(sealed, file)) === 'passphrase')
    return { passphrase: await passphrase(`Passphrase of ${file}: `, options) }
  const path = identityPath(env, options.identity)
  const identities = await readIdentities(path)
  if (identities) return { identities }
  throw new UsageError(`${file} is locked and there is no identity file ${shownPath(path)}`, {
    hint: 'name yours with --identity FILE or FMC_AGE_IDENTITY',
  })
}

const wrongKey = (file: string, key: Key, options: KeyOptions): UsageError => {
  if ('passphrase' in key) return new UsageError(`wrong passphrase for ${file}`)
  const path = identityPath(options.env ?? process.env, options.identity)
  return new UsageError(`${path} does not open ${file}: it is encrypted to others`, {
    hint: 'one who can open it adds you: fmc secrets rekey --recipient … (all of them)',
  })
}

/** The passphrase: first line of $FMC_AGE_PASSPHRASE_FILE (mode 0600), else asked for. */
export const passphrase = async (question: string, options: KeyOptions): Promise<Secret> => {
  const path = (options.env ?? process.env).FMC_AGE_PASSPHRASE_FILE
  const text = path ? await readPrivate(path) : await (options.prompt ?? askHidden)(question)
  if (text === undefined)
    throw new UsageError(`FMC_AGE_PASSPHRASE_FILE: there is no file ${shownPath(path ?? '')}`)
  const [line = ''] = text.split(/\r?\n/)
  if (line === '') throw new UsageError('the passphrase is empty')
  return new Secret(line, 'passphrase')
}

/** Encrypts `values` as a new secrets file, over an older one if there is one. Atomic. */
export const saveSecrets = async (
  file: string,
  values: ReadonlyMap<string, Secret | string>,
  lock: Lock,
): Promise<void> => {
  let text = emptyDocument('recipients' in lock ? lock.recipients : [])
  for (const [name, value] of values) text = await withSecret(text, file, name, reveal(value))
  await replaceFile(file, await seal(text, lock))
}

/**
 * Saves a changed text of an opened store. UsageError and no change when the text is invalid, when
 * the own key could not open the result (unless `force`), or when the file changed since it was
 * opened: then the new text is kept, encrypted, as FILE.conflict.
 */
export const saveStore = async (
  store: Store,
  text: string,
  options: { readonly lock?: Lock | undefined; readonly force?: boolean | undefined } = {},
): Promise<void> => {
  const { file, key } = store
  const { recipients } = await parseContents(text, file)
  const lock = options.lock ?? sameLock(store, recipients)
  const sealed = await seal(text, lock)
  const locksOut = 'recipients' in lock && (await unseal(Buffer.from(sealed), key, file)) === null
  if ('identities' in key && locksOut && options.force !== true)
    throw new UsageError(`your own identity could not open ${file} any more; nothing was saved`, {
      hint: 'name your recipient too, or say --force',
    })
  if (!(await readSealed(file)).equals(store.sealed)) {
    await replaceFile(`${file}.conflict`, sealed)
    throw new UsageError(`${file} was changed by someone else meanwhile; it is left as it is`, {
      hint: `your version is kept, encrypted, as ${file}.conflict`,
    })
  }
  await replaceFile(file, sealed)
}

const sameLock = ({ file, key }: Store, recipients: readonly string[]): Lock => {
  if ('passphrase' in key && recipients.length === 0) return key
  if ('identities' in key && recipients.length > 0) return { recipients }
  throw new UsageError(
    'passphrase' in key
      ? `${file} is locked with a passphrase and cannot have recipients too`
      : `${file} would have no recipients`,
    { hint: 'fmc secrets rekey changes how it is locked' },
  )
}

/** Whole or not at all, with the mode that it has; a symbolic link stays one. Throws UsageError. */
export const replaceFile = async (file: string, text: string): Promise<void> => {
  const target = await realpath(file).catch(() => file)
  const mode = await stat(target).then(
    s => s.mode & 0o777,
    () => 0o600,
  )
  await publish(file, target, text, mode, temporary => rename(temporary, target))
}

/** A new file, whole and for the user alone. Throws UsageError, also when there is something of that name. */
export const createFile = (file: string, text: string): Promise<void> =>
  publish(file, file, text, 0o600, async temporary => {
    await link(temporary, file)
    await rm(temporary)
  })

/** Temporary file beside the target, fsync, its new name, fsync of the directory. */
const publish = async (
  file: string,
  target: string,
  text: string,
  mode: number,
  put: (temporary: string) => Promise<void>,
): Promise<void> => {
  const temporary = `${target}.${randomBytes(6).toString('hex')}.tmp`
  try {
    const handle = await open(temporary, 'wx', mode)
    try {
      await handle.writeFile(text)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await put(temporary)
    const directory = await open(dirname(target))
    await directory.sync().finally(() => directory.close())
  } catch (error) {
    await rm(temporary, { force: true })
    const { code = 'unknown error' } = error as NodeJS.ErrnoException
    throw new UsageError(`${file} cannot be written: ${code}; it is as it was`)
  }
}

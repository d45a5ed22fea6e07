import { randomBytes } from 'node:crypto'
import { link, open, readFile, realpath, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { suggestion } from '../text/nearest.ts'
import { shownPath } from './secretive.ts'
import { UsageError } from '../errors.ts'
import { lockKind, seal, unseal, type Key, type Lock } from './age.ts'
import { parseContents, type Contents } from './document.ts'
import { identityPath, readIdentities, readPrivate } from './identity.ts'
import { askHidden, type Ask } from './prompt.ts'
import { Secret } from './secret.ts'

/** How to open a secrets file. */
export interface KeyOptions {
  /** Identity file; default $FMC_AGE_IDENTITY, else ~/.config/fmc/identity.txt. */
  readonly identity?: string | undefined
  /** Asks for the passphrase; default: on /dev/tty, without echo. */
  readonly prompt?: Ask | undefined
  readonly env?: Readonly<Record<string, string | undefined>> | undefined
}

/** An opened secrets file. */
interface Store {
  readonly file: string
  /** The decrypted YAML. */
  readonly text: string
  readonly contents: Contents
  /** The file's bytes as they were read, to detect changes by someone else. */
  readonly sealed: Buffer
  readonly key: Key
}

/** The secrets of a file by name. Throws UsageError for a missing or damaged file, a missing or wrong key, and invalid YAML. */
export const openSecrets = async (
  file: string,
  options: KeyOptions = {},
): Promise<ReadonlyMap<string, Secret>> => {
  const { contents } = await openStore(file, options)
  return new Map([...contents.secrets].map(([name, text]) => [name, new Secret(text, name)]))
}

/** The secret of this name. Throws UsageError with the closest existing name; `where`: file:line:column of the reference. */
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

/** Opens a secrets file to read and change it. Throws like openSecrets(). */
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
  throw new UsageError(`${file} is encrypted, and there is no identity file ${shownPath(path)}`, {
    hint: 'name yours with --identity FILE or FMC_AGE_IDENTITY',
  })
}

const wrongKey = (file: string, key: Key, options: KeyOptions): UsageError => {
  if ('passphrase' in key) return new UsageError(`wrong passphrase for ${file}`)
  const path = identityPath(options.env ?? process.env, options.identity)
  return new UsageError(`${path} does not open ${file}: it is encrypted to other recipients`, {
    hint: 'ask someone who can open it to add you: fmc secrets rekey --recipient … (for every recipient)',
  })
}

/** The passphrase: the first line of $FMC_AGE_PASSPHRASE_FILE (mode 0600), else asked for. */
export const passphrase = async (question: string, options: KeyOptions): Promise<Secret> => {
  const path = (options.env ?? process.env).FMC_AGE_PASSPHRASE_FILE
  const text = path ? await readPrivate(path) : await (options.prompt ?? askHidden)(question)
  if (text === undefined)
    throw new UsageError(`FMC_AGE_PASSPHRASE_FILE: there is no file ${shownPath(path ?? '')}`)
  const [line = ''] = text.split(/\r?\n/)
  if (line === '') throw new UsageError('the passphrase is empty')
  return new Secret(line, 'passphrase')
}

/**
 * Saves a changed text of an opened store. Throws UsageError and changes nothing when the text is invalid, when the user's own
 * key could not open the result (unless `force`), or when the file has changed since it was opened; then it saves the new
 * text, encrypted, as FILE.conflict.
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
    throw new UsageError(`your own identity could no longer open ${file}; nothing was saved`, {
      hint: 'add your own recipient, or use --force',
    })
  if (!(await readSealed(file)).equals(store.sealed)) {
    await replaceFile(`${file}.conflict`, sealed)
    throw new UsageError(`someone else has changed ${file} meanwhile; it stays as it is`, {
      hint: `your version is saved, encrypted, as ${file}.conflict`,
    })
  }
  await replaceFile(file, sealed)
}

const sameLock = ({ file, key }: Store, recipients: readonly string[]): Lock => {
  if ('passphrase' in key && recipients.length === 0) return key
  if ('identities' in key && recipients.length > 0) return { recipients }
  throw new UsageError(
    'passphrase' in key
      ? `${file} is encrypted with a passphrase and cannot have recipients too`
      : `${file} would have no recipients`,
    { hint: 'fmc secrets rekey changes how it is encrypted' },
  )
}

/** Replaces a file in one step and keeps its mode; follows a symbolic link. Throws UsageError. */
export const replaceFile = async (file: string, text: string): Promise<void> => {
  const target = await realpath(file).catch(() => file)
  const mode = await stat(target).then(
    s => s.mode & 0o777,
    () => 0o600,
  )
  await publish(file, target, text, mode, temporary => rename(temporary, target))
}

/** Creates a file in one step, readable for the user only. Throws UsageError, also if the file exists. */
export const createFile = (file: string, text: string): Promise<void> =>
  publish(file, file, text, 0o600, async temporary => {
    await link(temporary, file)
    await rm(temporary)
  })

/** Writes a temporary file beside the target, syncs it, gives it its name, and syncs the directory. */
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
    throw new UsageError(`${file} cannot be written: ${code}; it is unchanged`)
  }
}

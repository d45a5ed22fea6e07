import { open, readFile } from 'node:fs/promises'

/** An identity file, read once per process. `text` undefined: it is not there or cannot be read. */
export interface IdentityFile {
  readonly path: string
  readonly text: string | undefined
  /** Octal mode of a private key of ours that others may read: not to be used, as ssh does not (ssh(1), FILES; authfile.c, sshkey_perm_ok). */
  readonly exposed: string | undefined
  /** The .pub file beside it: the only way to know an encrypted or agent-held key. */
  readonly publicText: string | undefined
  /** A user certificate beside it. */
  readonly certificate: boolean
  /** Key on a FIDO token (its file holds only a handle). */
  readonly fido: boolean
}

const cache = new Map<string, Promise<IdentityFile>>()

const read = (path: string): Promise<string | undefined> =>
  readFile(path, 'utf8').catch(() => undefined)

/** The text and mode of one and the same file. */
const readPrivate = async (path: string): Promise<Pick<IdentityFile, 'text' | 'exposed'>> => {
  const file = await open(path).catch(() => undefined)
  if (!file) return { text: undefined, exposed: undefined }
  try {
    const { uid, mode } = await file.stat()
    const wide = uid === process.getuid?.() && (mode & 0o077) !== 0
    const exposed = wide ? (mode & 0o7777).toString(8).padStart(4, '0') : undefined
    return { text: await file.readFile('utf8'), exposed }
  } catch {
    return { text: undefined, exposed: undefined }
  } finally {
    await file.close()
  }
}

/** The name of a key type in an OpenSSH private key stands in its unencrypted part. */
const isFido = (text: string | undefined): boolean => {
  const body = text?.replace(/-----[^-]+-----|\s/g, '') ?? ''
  return /sk-(ssh|ecdsa)-/.test(Buffer.from(body, 'base64').toString('latin1'))
}

export const identityFile = (path: string): Promise<IdentityFile> => {
  const found = cache.get(path) ?? load(path)
  cache.set(path, found)
  return found
}

const load = async (path: string): Promise<IdentityFile> => {
  const [{ text, exposed }, publicText, certificate] = await Promise.all([
    readPrivate(path),
    read(`${path}.pub`),
    read(`${path}-cert.pub`),
  ])
  const fido = isFido(text) || /^sk-(ssh|ecdsa)-/.test(publicText ?? '')
  return { path, text, exposed, publicText, certificate: certificate !== undefined, fido }
}

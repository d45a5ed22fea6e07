import { open, readFile } from 'node:fs/promises'

/** An identity file, read once per process. */
export interface IdentityFile {
  readonly path: string
  /** Undefined: the file does not exist or cannot be read. */
  readonly text: string | undefined
  /**
   * Octal mode of the user's private key when other users may read it. Like ssh, fmc then does not use it (ssh(1), FILES;
   * authfile.c, sshkey_perm_ok).
   */
  readonly exposed: string | undefined
  /** The .pub file beside it: the only way to identify a key that is encrypted or in an agent. */
  readonly publicText: string | undefined
  /** There is a user certificate beside it. */
  readonly certificate: boolean
  /** The key is on a FIDO token; the file holds only a handle. */
  readonly fido: boolean
}

const cache = new Map<string, Promise<IdentityFile>>()

const read = (path: string): Promise<string | undefined> =>
  readFile(path, 'utf8').catch(() => undefined)

/** Reads text and mode through one descriptor, so that both belong to the same file. */
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

/** An OpenSSH private key names its type in the unencrypted part. */
const isFido = (text: string | undefined): boolean => {
  const body = text?.replace(/-----[^-]+-----|\s/g, '') ?? ''
  return /sk-(ssh|ecdsa)-/.test(Buffer.from(body, 'base64').toString('latin1'))
}

/** Reads an identity file and what lies beside it. Never rejects. */
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

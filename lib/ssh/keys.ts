import { readFile } from 'node:fs/promises'

/** An identity file, read once per process. `text` undefined: it is not there or cannot be read. */
export interface IdentityFile {
  readonly path: string
  readonly text: string | undefined
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
  const [text, publicText, certificate] = await Promise.all([
    read(path),
    read(`${path}.pub`),
    read(`${path}-cert.pub`),
  ])
  const fido = isFido(text) || /^sk-(ssh|ecdsa)-/.test(publicText ?? '')
  return { path, text, publicText, certificate: certificate !== undefined, fido }
}

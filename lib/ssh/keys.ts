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
  /** The file itself is a public key, whose private key is in an agent (ssh_config(5), IdentityFile). */
  readonly isPublic: boolean
  /** The public key, in base64: from the file itself or the .pub beside it. It identifies a key that is encrypted or in an agent. */
  readonly publicBlob: string | undefined
  /** It is a user certificate, or there is one beside it. */
  readonly certificate: boolean
  /** The key is on a FIDO token; the file holds only a handle. */
  readonly fido: boolean
  /** ssh and ssh2 may read it differently: a form other than OpenSSH's or PEM's (PKCS#8, text around it), or another key's .pub beside it. */
  readonly odd: boolean
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

/** What both ssh and ssh2 read: OpenSSH's own form and PEM (ssh-keygen(1), -m), exactly as ssh-keygen writes them. */
const USUAL =
  /^-----BEGIN (OPENSSH|RSA|EC|DSA) PRIVATE KEY-----\n(?:[\w-]+: [^\n]+\n)*\n?(?:[A-Za-z0-9+/=]+\n)+-----END \1 PRIVATE KEY-----\n$/

/** `type base64 comment` (sshd(8), AUTHORIZED_KEYS FILE FORMAT). */
const PUBLIC = /^((?:ssh|ecdsa|sk)-[\w@.-]+) ([A-Za-z0-9+/]+=*)(?:\s|$)/

/** The public key in an OpenSSH private key, which is not encrypted (openssh-portable, PROTOCOL.key). */
const publicPart = (text: string): string | undefined => {
  const body = /-----BEGIN OPENSSH PRIVATE KEY-----([^-]+)-----END/.exec(text)?.[1]
  if (body === undefined) return undefined
  const bytes = Buffer.from(body, 'base64')
  let at = 'openssh-key-v1\0'.length
  const field = (): Buffer => {
    if (at + 4 > bytes.length) return Buffer.alloc(0)
    const start = at + 4
    at = start + bytes.readUInt32BE(at)
    return bytes.subarray(start, at)
  }
  for (let skipped = 0; skipped < 3; skipped++) field() // cipher, key derivation and its options
  at += 4 // how many keys
  return field().toString('base64') || undefined
}

const load = async (path: string): Promise<IdentityFile> => {
  const [own, beside, certificate] = await Promise.all([
    readPrivate(path),
    read(`${path}.pub`),
    read(`${path}-cert.pub`),
  ])
  const itself = PUBLIC.exec(own.text ?? '')
  const [, type = '', blob] = itself ?? PUBLIC.exec(beside ?? '') ?? []
  const inside = publicPart(own.text ?? '')
  const foreign = !itself && blob !== undefined && inside !== undefined && blob !== inside
  return {
    path,
    text: itself ? undefined : own.text,
    exposed: itself ? undefined : own.exposed,
    isPublic: itself !== null,
    publicBlob: blob ?? inside,
    certificate: certificate !== undefined || (itself !== null && type.includes('-cert-')),
    fido: isFido(own.text) || type.startsWith('sk-'),
    odd: !itself && own.text !== undefined && !own.exposed && (foreign || !USUAL.test(own.text)),
  }
}

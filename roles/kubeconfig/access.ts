import { createPrivateKey, X509Certificate } from 'node:crypto'
import { excerpt, TaskError, yaml, type Secret } from '../../lib/index.ts'

/** A cluster's certificate authority and its administrator's certificate and key, as kubectl takes them: base64 of PEM. */
export interface Access {
  readonly authority: string
  readonly certificate: string
  readonly key: string
}

/** K3s writes about 3 KiB. */
const MOST_BYTES = 32 * 1024
const MOST_CERTIFICATES = 8

/** The only fields that fmc takes from a host: kubectl would run an `exec`, send everything to a `proxy-url`, and so on. */
const AUTHORITY = 'certificate-authority-data'
const CERTIFICATE = 'client-certificate-data'
const KEY = 'client-key-data'

const HINT =
  'K3s writes no such field: somebody may have changed the file on the server. Check the server before you trust it'

/**
 * The access in a host's kubeconfig, which must have one cluster and one user. Throws TaskError for any field but the
 * access and the cluster's address, because kubectl would act on it as the user of this machine. The error names the
 * field and never quotes a value.
 */
export async function readAccess(file: Secret): Promise<Access> {
  const top = mapAt(await parsed(file), file, 'it')
  const cluster = entryOf(top, 'clusters', 'cluster', [AUTHORITY, 'server'], file)
  const user = entryOf(top, 'users', 'user', [CERTIFICATE, KEY], file)
  return {
    authority: field(cluster, AUTHORITY, isCertificates, 'certificates', file),
    certificate: field(user, CERTIFICATE, isCertificates, 'certificates', file),
    key: field(user, KEY, isKey, 'one private key', file),
  }
}

/** Parses YAML without anchors and tags. The parser's own messages quote the text, so they are not passed on. */
async function parsed(file: Secret): Promise<unknown> {
  const text = file.reveal()
  if (text.length > MOST_BYTES)
    throw wrong(
      file,
      `has ${text.length} characters; a kubeconfig of K3s has at most ${MOST_BYTES}`,
    )
  const { parseDocument } = await yaml()
  try {
    const doc = parseDocument(text, {
      schema: 'core',
      merge: false,
      // The search for duplicate keys takes quadratic time.
      uniqueKeys: false,
      prettyErrors: false,
      logLevel: 'error',
    })
    if (doc.errors.length === 0 && doc.warnings.length === 0)
      return doc.toJS({ mapAsMap: true, maxAliasCount: 0 })
  } catch {
    // The error below says it.
  }
  throw wrong(file, 'is not a kubeconfig: it must be plain YAML, without anchors and tags')
}

type Fields = ReadonlyMap<unknown, unknown>

function mapAt(value: unknown, file: Secret, where: string): Fields {
  if (value instanceof Map) return value
  throw wrong(file, `is not a kubeconfig: ${where} is not a map`)
}

/** The only entry of a list, and in it the only thing besides its name. */
function entryOf(
  top: Fields,
  list: string,
  inner: string,
  allowed: readonly string[],
  file: Secret,
): Fields {
  const entries = top.get(list)
  if (!Array.isArray(entries) || entries.length !== 1)
    throw wrong(file, 'does not hold one cluster and one user')
  const entry = mapAt(entries[0], file, `${list}[0]`)
  noOther(entry, ['name', inner], `${list}[0]`, file)
  const fields = mapAt(entry.get(inner), file, `${list}[0].${inner}`)
  noOther(fields, allowed, `${list}[0].${inner}`, file)
  return fields
}

function noOther(fields: Fields, allowed: readonly string[], where: string, file: Secret): void {
  for (const key of fields.keys())
    if (typeof key !== 'string' || !allowed.includes(key))
      throw wrong(
        file,
        `has the key "${excerpt(typeof key === 'string' ? key : typeof key)}" in ${where}; fmc takes only ${allowed.join(', ')} from a server`,
        HINT,
      )
}

function field(
  fields: Fields,
  key: string,
  holds: (pem: string) => boolean,
  what: string,
  file: Secret,
): string {
  const value = fields.get(key)
  if (typeof value === 'string') {
    const bytes = Buffer.from(value, 'base64')
    if (bytes.toString('base64') === value && holds(bytes.toString('latin1'))) return value
  }
  throw wrong(file, `has no ${key} that is base64 of ${what} in PEM`, HINT)
}

const PEM = /-----BEGIN ([A-Z0-9 ]+)-----\r?\n(?:[A-Za-z0-9+/=]+\r?\n)+-----END \1-----(?:\r?\n|$)/g

/** Labels and texts of the PEM blocks (RFC 7468); undefined when the text has anything besides them. */
function blocksOf(pem: string): { label: string; text: string }[] | undefined {
  const blocks = [...pem.matchAll(PEM)].map(([text, label = '']) => ({ label, text }))
  const rest = pem.length - blocks.reduce((sum, { text }) => sum + text.length, 0)
  return rest === 0 && blocks.length > 0 ? blocks : undefined
}

function isCertificates(pem: string): boolean {
  const blocks = blocksOf(pem)
  return (
    blocks !== undefined &&
    blocks.length <= MOST_CERTIFICATES &&
    blocks.every(b => b.label === 'CERTIFICATE' && reads(() => new X509Certificate(b.text)))
  )
}

const KEYS = ['EC PRIVATE KEY', 'RSA PRIVATE KEY', 'PRIVATE KEY']

function isKey(pem: string): boolean {
  const [block, more] = blocksOf(pem) ?? []
  return (
    block !== undefined &&
    more === undefined &&
    KEYS.includes(block.label) &&
    reads(() => createPrivateKey(block.text))
  )
}

const reads = (parse: () => unknown): boolean => {
  try {
    parse()
    return true
  } catch {
    return false
  }
}

const wrong = (file: Secret, why: string, hint?: string): TaskError =>
  new TaskError(`${file.name} ${why}`, { hint })

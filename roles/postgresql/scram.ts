import { createHash, createHmac, pbkdf2, pbkdf2Sync, randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import { newEachTime, Secret, TaskError } from '../../lib/index.ts'

/** PostgreSQL's own default (its setting scram_iterations). */
const ITERATIONS = 4096
/** OWASP's advice for PBKDF2-HMAC-SHA256: 0.2 s of one core. PostgreSQL itself takes up to 2³¹ − 1. */
const MOST_ITERATIONS = 600_000
/** PostgreSQL makes salts of 16 bytes (SCRAM_DEFAULT_SALT_LEN). */
const MOST_SALT = 64

const hmac = (key: Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest()

const checked = (password: Secret): string => {
  const text = password.reveal()
  if (!/^[\x20-\x7e]+$/.test(text))
    throw new TaskError(
      `the secret ${password.name} is not a password: expected printable ASCII on one line, at least one character`,
    )
  return text
}

/** The salted password as PostgreSQL stores it (RFC 5803). */
const stored = (salted: Buffer, iterations: number, salt: Buffer): string => {
  const key = createHash('sha256').update(hmac(salted, 'Client Key')).digest('base64')
  const server = hmac(salted, 'Server Key').toString('base64')
  return `SCRAM-SHA-256$${iterations}:${salt.toString('base64')}$${key}:${server}`
}

/**
 * What PostgreSQL stores for a password (RFC 5803; src/common/scram-common.c): it proves the password and does not
 * contain it. Throws TaskError for a password that is not printable ASCII: clients would have to agree on SASLprep.
 */
export function verifier(password: Secret, salt: Buffer = randomBytes(16)): Secret {
  const salted = pbkdf2Sync(checked(password), salt, ITERATIONS, 32, 'sha256')
  return new Secret(newEachTime(stored(salted, ITERATIONS, salt)), password.name)
}

/** What the host tells about a stored verifier: not the verifier, but how it was made and its SHA-256. */
export interface Stored {
  /** ITERATIONS:SALT; null for no password or an MD5 one. */
  readonly salt: string | null
  readonly digest: string | null
}

const derive = promisify(pbkdf2)

/**
 * Was the stored verifier made from this password? Says no without computing for more than 600,000 iterations, or for a
 * salt that is not base64 of 1 to 64 bytes: the server decides how long the controller would compute. Other hosts go
 * on meanwhile. Throws TaskError as `verifier` does.
 */
export async function matches(password: Secret, { salt, digest }: Stored): Promise<boolean> {
  const text = checked(password)
  const parts = /^([1-9]\d{0,6}):([A-Za-z0-9+/]{2,88}={0,2})$/.exec(salt ?? '')
  const iterations = Number(parts?.[1])
  const bytes = Buffer.from(parts?.[2] ?? '', 'base64')
  if (!parts || iterations > MOST_ITERATIONS || bytes.length > MOST_SALT) return false
  if (bytes.length === 0 || bytes.toString('base64') !== parts[2]) return false
  const made = stored(await derive(text, bytes, iterations, 32, 'sha256'), iterations, bytes)
  return createHash('sha256').update(made).digest('hex') === digest
}

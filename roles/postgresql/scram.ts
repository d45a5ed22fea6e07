import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto'
import { Secret, TaskError } from '../../lib/index.ts'

const ITERATIONS = 4096

const hmac = (key: Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest()

/**
 * What PostgreSQL stores of a password (RFC 5803; src/common/scram-common.c): it proves the password and does not hold it.
 * Throws TaskError for characters on which clients would have to agree by SASLprep.
 */
export function verifier(
  password: Secret,
  iterations = ITERATIONS,
  salt: Buffer = randomBytes(16),
): Secret {
  const text = password.reveal()
  if (!/^[\x20-\x7e]+$/.test(text))
    throw new TaskError(
      `the secret ${password.name} is no password: printable ASCII, at least one character, no line end`,
    )
  const salted = pbkdf2Sync(text, salt, iterations, 32, 'sha256')
  const stored = createHash('sha256').update(hmac(salted, 'Client Key')).digest('base64')
  const server = hmac(salted, 'Server Key').toString('base64')
  return new Secret(
    `SCRAM-SHA-256$${iterations}:${salt.toString('base64')}$${stored}:${server}`,
    password.name,
  )
}

/** What is asked of a stored verifier: not the verifier, but how it was made and its SHA-256. */
export interface Stored {
  /** ITERATIONS:SALT; null for no password or an MD5 one. */
  readonly salt: string | null
  readonly digest: string | null
}

/** Was the stored verifier made from this password? */
export function matches(password: Secret, { salt, digest }: Stored): boolean {
  const parts = /^(\d{1,7}):([A-Za-z0-9+/=]+)$/.exec(salt ?? '')
  if (!parts?.[1] || !parts[2]) return false
  const made = verifier(password, Number(parts[1]), Buffer.from(parts[2], 'base64'))
  return createHash('sha256').update(made.reveal()).digest('hex') === digest
}

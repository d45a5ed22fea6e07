import { execFileSync } from 'node:child_process'
import { createHmac, randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * The made-up value of a secret in a lab: the same as long as the lab exists, different in every lab. A name that begins
 * with wireguard gives a WireGuard key, one with sealed_secrets a private key with its certificate in PEM. The seed lies
 * in the lab's directory, readable by root alone.
 */
export const labSecret = (dir: string, name: string): string => {
  if (name.startsWith('sealed_secrets'))
    return keptIn(dir, `secret-${name}.pem`, keyAndCertificate).toString()
  const value = createHmac('sha256', seed(dir)).update(name)
  return name.startsWith('wireguard')
    ? value.digest('base64')
    : value.digest('base64url').slice(0, 24)
}

const seed = (dir: string): Buffer => keptIn(dir, 'secret-seed', () => randomBytes(32))

const keptIn = (dir: string, name: string, make: () => Buffer): Buffer => {
  const file = join(dir, name)
  try {
    return readFileSync(file)
  } catch {
    mkdirSync(dir, { recursive: true, mode: 0o700 })
    const fresh = make()
    writeFileSync(file, fresh, { mode: 0o600 })
    return fresh
  }
}

/** Through the shell's $(…): Node's stdout for a child is a socket, which openssl cannot open. */
const keyAndCertificate = (): Buffer =>
  execFileSync(
    'sh',
    [
      '-c',
      'pem=$(openssl req -x509 -newkey rsa:2048 -nodes -batch -subj /CN=lab -keyout /dev/stdout) && printf "%s\\n" "$pem"',
    ],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  )

import { createHmac, randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * The made-up value of a secret in a lab: the same for the lab's life, different in every lab.
 * What is called wireguard… is a WireGuard key. Its seed lies in the lab's directory, readable by root alone.
 */
export const labSecret = (dir: string, name: string): string => {
  const value = createHmac('sha256', seed(dir)).update(name)
  return name.startsWith('wireguard')
    ? value.digest('base64')
    : value.digest('base64url').slice(0, 24)
}

const seed = (dir: string): Buffer => {
  const file = join(dir, 'secret-seed')
  try {
    return readFileSync(file)
  } catch {
    mkdirSync(dir, { recursive: true, mode: 0o700 })
    const fresh = randomBytes(32)
    writeFileSync(file, fresh, { mode: 0o600 })
    return fresh
  }
}

import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'
import { TaskError } from '../errors.ts'
import { quote } from '../shell/quote.ts'
import type { Session } from './types.ts'

const CHUNK = 6 * 1024 * 1024

/**
 * Copies a file of the host to a new file (0600) on this machine, piece by piece through the session's own shell.
 * Throws TaskError when it cannot be read or changes while it is copied.
 */
export async function download(session: Session, path: string, local: string): Promise<void> {
  const p = quote(path)
  const failed = (why: string): TaskError => new TaskError(`${path} cannot be taken: ${why}`)
  const told = await session.run(`sha256sum -- ${p} && wc -c <${p}`)
  const [, sum, size] = /^\\?([0-9a-f]{64}) .*\n(\d+)\n$/.exec(told.stdout) ?? []
  if (told.code !== 0 || sum === undefined) throw failed(told.stderr.trim() || 'no checksum')
  const hash = createHash('sha256')
  const file = await open(local, 'wx', 0o600)
  try {
    for (let at = 0; at < Number(size); at += CHUNK) {
      const { code, stdout, stderr } = await session.run(
        `tail -c +${at + 1} -- ${p} | head -c ${CHUNK} | base64`,
      )
      if (code !== 0) throw failed(stderr.trim())
      const bytes = Buffer.from(stdout, 'base64')
      hash.update(bytes)
      await file.appendFile(bytes)
    }
    await file.sync()
  } finally {
    await file.close()
  }
  if (hash.digest('hex') !== sum) throw failed('it changed meanwhile')
}

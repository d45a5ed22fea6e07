import { existsSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { dirname, isAbsolute, join } from 'node:path'
import { TaskError } from '../errors.ts'
import { expect, type Result } from './resource.ts'
import { scope } from './scope.ts'

export interface KeepOptions {
  /** Shell text, run as root: it may create the files, and prints their absolute paths, one per line, and nothing else. */
  readonly script: string
  /** Time limit of the script; default 600 s. */
  readonly timeoutSeconds?: number | undefined
  /** Largest total size of the files in bytes; default 1 GiB. */
  readonly maxBytes?: number | undefined
  /** Largest number of files; default 100. */
  readonly maxFiles?: number | undefined
}

const GIBIBYTE = 1024 ** 3

/**
 * Copies files from the host into a new directory on the controller (mode 0700, files 0600). The directory appears once all
 * files in it have the host's own checksums. If it exists already, `keep` does nothing. It copies only regular files, with
 * names of letters, digits and ._+=:@,-
 *
 * @param dir - absolute, or relative to fmc's directory for kept files (see `keptAt`)
 * @throws TaskError when the script fails or names anything else, when the files exceed the limits or the free space here,
 * or when the directory cannot be written. It then leaves nothing behind.
 *
 * @example
 * await keep('backup/db1', {
 *   script: 'pg_dump -Fc app >/run/app.dump && echo /run/app.dump',
 *   maxBytes: 10 * 1024 ** 3,
 * })
 */
export async function keep(
  dir: string,
  { script, timeoutSeconds = 600, maxBytes = GIBIBYTE, maxFiles = 100 }: KeepOptions,
): Promise<Result> {
  const here = scope()
  const target = keptAt(dir)
  return here.task(`keep ${dir}`, async task => {
    for (const [name, limit] of Object.entries({ maxBytes, maxFiles }))
      expect(
        Number.isSafeInteger(limit) && limit > 0,
        `${name} must be a whole number of at least 1, not ${limit}`,
      )
    if (existsSync(target)) return { changes: [] }
    const changes = [{ what: `copy to ${target} on the controller`, compared: script }]
    task.permit(changes)
    if (here.mode === 'apply') {
      const part = `${target}.part`
      try {
        await rm(part, { recursive: true, force: true })
        await mkdir(dirname(target), { recursive: true, mode: 0o700 })
        await mkdir(part, { mode: 0o700 })
        await task.take(script, part, { timeoutMs: timeoutSeconds * 1000, maxBytes, maxFiles })
        await rename(part, target)
      } catch (error) {
        await rm(part, { recursive: true, force: true })
        if (error instanceof Error && 'syscall' in error)
          throw new TaskError(`cannot write ${target} on the controller: ${error.message}`)
        throw error
      }
    }
    return { changes }
  })
}

/**
 * The absolute path on the controller of what `keep` has stored as `dir`.
 *
 * @example
 * const dump = `${keptAt('backup/db1')}/app.dump`
 */
export const keptAt = (dir: string): string =>
  isAbsolute(dir) ? dir : join(scope().settings.keepDir, dir)

import { existsSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { dirname, isAbsolute, join } from 'node:path'
import { TaskError } from '../errors.ts'
import { expect, type Result } from './resource.ts'
import { scope } from './scope.ts'

export interface KeepOptions {
  /** Shell text, run as root: makes the files if need be and prints their absolute paths, a line each, and nothing else. */
  readonly script: string
  readonly timeoutSeconds?: number | undefined
  /** Bytes of all files together; default 1 GiB. */
  readonly maxBytes?: number | undefined
  /** Default 100. */
  readonly maxFiles?: number | undefined
}

const GIBIBYTE = 1024 ** 3

/**
 * Files of the host in a directory of the controller, below `keepDir` unless it is absolute. It appears when all of them
 * are in it with the host's own checksums, 0600 in 0700; one that is there is left alone. Only regular files are taken,
 * under names of letters, digits and ._+=:@,- and only as many and as large as the limits allow: else, or when there is
 * no room for them here, the task fails and nothing is left behind.
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
        `${name} ${limit} is no number of at least 1`,
      )
    if (existsSync(target)) return { changes: [] }
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
          throw new TaskError(`${target} cannot be written here: ${error.message}`)
        throw error
      }
    }
    return { changes: [{ what: `take to ${target} on this machine` }] }
  })
}

/** Where the controller has what was kept as `dir`. */
export const keptAt = (dir: string): string =>
  isAbsolute(dir) ? dir : join(scope().settings.keepDir, dir)

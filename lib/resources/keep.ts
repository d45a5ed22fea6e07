import { existsSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { dirname, isAbsolute, join } from 'node:path'
import { TaskError } from '../errors.ts'
import type { Result } from './resource.ts'
import { scope } from './scope.ts'

export interface KeepOptions {
  /** Shell text, run as root: makes the files if need be and prints their absolute paths, a line each, and nothing else. */
  readonly script: string
  readonly timeoutSeconds?: number | undefined
}

/**
 * Files of the host in a directory of the controller, below `keepDir` unless it is absolute. It appears when all of them
 * are in it with the host's own checksums, 0600 in 0700; one that is there is left alone.
 */
export async function keep(
  dir: string,
  { script, timeoutSeconds = 600 }: KeepOptions,
): Promise<Result> {
  const here = scope()
  const target = keptAt(dir)
  return here.task(`keep ${dir}`, async task => {
    if (existsSync(target)) return { changes: [] }
    if (here.mode === 'apply') {
      const part = `${target}.part`
      try {
        await rm(part, { recursive: true, force: true })
        await mkdir(dirname(target), { recursive: true, mode: 0o700 })
        await mkdir(part, { mode: 0o700 })
        await task.take(script, part, timeoutSeconds * 1000)
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
export const keptAt = (dir: string): string => (isAbsolute(dir) ? dir : join(scope().keepDir, dir))

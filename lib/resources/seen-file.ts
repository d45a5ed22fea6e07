import { closeSync, constants, fstatSync, openSync } from 'node:fs'
import { TaskError } from '../errors.ts'

/** A file of the controller as lstat(2) has found it: the file itself, not its name. */
export interface SeenFile {
  readonly dev: number
  readonly ino: number
}

/**
 * Opens a file for reading, if it is still the one that was seen: the owner of its directory may have put a link in its
 * place. Throws TaskError when it is another one or cannot be opened. The caller closes it.
 */
export function openSeen(path: string, seen: SeenFile): number {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants
  let fd: number
  try {
    fd = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
  } catch (error) {
    throw new TaskError(`cannot read ${path} on the controller: ${(error as Error).message}`)
  }
  const { dev, ino } = fstatSync(fd)
  if (dev === seen.dev && ino === seen.ino) return fd
  closeSync(fd)
  throw new TaskError(`${path} on the controller was replaced after fmc had looked at it`, {
    hint: 'run it again',
  })
}

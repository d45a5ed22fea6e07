import { randomBytes } from 'node:crypto'
import {
  closeSync,
  fchmodSync,
  fsyncSync,
  linkSync,
  openSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'

/** How a file is written. */
export interface WholeFileOptions {
  /** Default 0600. */
  readonly mode?: number
  /** Nothing may have this name yet, not even a link: else the error is EEXIST. */
  readonly isNew?: boolean
}

/**
 * Writes a file in one step: a reader sees what was there or all of the new content, also after a crash. It replaces a link
 * and does not follow it. Throws the error of the system call; then what was there is unchanged, and nothing is left beside it.
 *
 * @example
 * writeWholeFile('drift.json', text, { mode: 0o644 })
 */
export function writeWholeFile(
  file: string,
  data: string | Uint8Array,
  { mode = 0o600, isNew = false }: WholeFileOptions = {},
): void {
  const candidate = `${file}.${randomBytes(6).toString('hex')}.tmp`
  const fd = openSync(candidate, 'wx', 0o600)
  try {
    try {
      writeFileSync(fd, data)
      fchmodSync(fd, mode)
      fsyncSync(fd)
    } finally {
      closeSync(fd)
    }
    // rename() replaces whatever has the name by now; link() nothing at all.
    if (isNew) linkSync(candidate, file)
    else renameSync(candidate, file)
  } finally {
    rmSync(candidate, { force: true })
  }
}

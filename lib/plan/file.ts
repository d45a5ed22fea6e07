import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  lstatSync,
  openSync,
  readSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { UsageError } from '../errors.ts'
import { shownPath } from '../secrets/secretive.ts'
import { writeWholeFile } from '../whole-file.ts'
import { HEAD, MOST_BYTES } from './format.ts'

/** Flags that follow no link and wait for nobody. */
const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? String(error)

/** The text of a plan's file. Throws UsageError: it is missing, a link, no regular file, too large, or not UTF-8. */
export function readPlanFile(file: string): string {
  let fd: number
  try {
    fd = openSync(file, READ)
  } catch (error) {
    const code = codeOf(error)
    if (code === 'ENOENT')
      throw new UsageError(`there is no plan ${shownPath(file)}`, {
        hint: 'fmc plan site --out plan.fmc',
      })
    if (code === 'ELOOP') throw new UsageError(`${file} is a link: name the file itself`)
    throw new UsageError(`cannot read ${shownPath(file)}: ${code}`)
  }
  try {
    const stat = fstatSync(fd)
    if (!stat.isFile()) throw new UsageError(`${file} is not a file`)
    if (stat.size > MOST_BYTES)
      throw new UsageError(`${file} is larger than ${MOST_BYTES / 1024 / 1024} MB: it is no plan`)
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytesOf(fd, stat.size))
  } catch (error) {
    if (error instanceof UsageError) throw error
    throw new UsageError(`${file} is not a saved plan`, { hint: 'fmc plan site --out plan.fmc' })
  } finally {
    closeSync(fd)
  }
}

function bytesOf(fd: number, size: number): Buffer {
  const bytes = Buffer.alloc(size)
  let at = 0
  for (let n = -1; n !== 0 && at < size; at += n) n = readSync(fd, bytes, at, size - at, null)
  return bytes.subarray(0, at)
}

/** Is there nothing, or a regular file that fmc has written (it begins with `head`)? Throws UsageError otherwise. */
export function demandReplaceable(
  file: string,
  head = HEAD,
  hint = 'name another file',
): 'new' | 'old' {
  const stat = lstatSync(file, { throwIfNoEntry: false })
  if (!stat) {
    if (lstatSync(dirname(file), { throwIfNoEntry: false })) return 'new'
    throw new UsageError(`cannot write ${shownPath(file)}: there is no directory ${dirname(file)}`)
  }
  if (stat.isSymbolicLink())
    throw new UsageError(`${file} is a link, and fmc does not write through links`, {
      hint: 'name the file itself',
    })
  if (stat.isFile() && startsWith(file, head)) return 'old'
  throw new UsageError(`${file} exists, and fmc has not written it`, { hint })
}

function startsWith(file: string, head: string): boolean {
  let fd: number | undefined
  try {
    fd = openSync(file, READ)
    return bytesOf(fd, Buffer.byteLength(head)).toString('utf8') === head
  } catch (error) {
    throw new UsageError(`cannot read ${file}: ${codeOf(error)}`)
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}

/**
 * Writes a file in one step, readable for the user only. It replaces only a file that fmc has written. Throws UsageError; then
 * what was there is unchanged.
 */
export function writeWhole(file: string, text: string, head = HEAD, hint?: string): void {
  const isNew = demandReplaceable(file, head, hint) === 'new'
  try {
    writeWholeFile(file, text, { isNew })
  } catch (error) {
    throw new UsageError(`cannot write ${shownPath(file)}: ${codeOf(error)}`)
  }
}

/**
 * Appends a line (with its end) to the plan whose text is `text`, or to what others have appended to that since: in one write, so that of
 * two at the same time both stay. Resolves with the file's text afterwards. Throws UsageError if the file is another one by now.
 */
export function appendToPlan(file: string, text: string, line: string): string {
  const { O_RDWR, O_APPEND, O_NOFOLLOW, O_NONBLOCK } = constants
  const another = (): UsageError =>
    new UsageError(`${shownPath(file)} was exchanged while you approved it: approve it again`)
  let fd: number | undefined
  try {
    fd = openSync(file, O_RDWR | O_APPEND | O_NOFOLLOW | O_NONBLOCK)
    const before = fstatSync(fd)
    if (!before.isFile() || !startsAs(fd, text)) throw another()
    const bytes = Buffer.from(line)
    const written = writeSync(fd, bytes)
    fsyncSync(fd)
    if (written < bytes.length) {
      // The disk is full: without the part, the plan is what it was.
      if (fstatSync(fd).size === before.size + written) ftruncateSync(fd, before.size)
      throw new UsageError(`cannot write ${shownPath(file)}: ENOSPC`)
    }
  } catch (error) {
    if (error instanceof UsageError) throw error
    throw new UsageError(`cannot write ${shownPath(file)}: ${codeOf(error)}`)
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
  // Over NFS, O_APPEND of two machines at the same time can write to the same place (open(2)).
  const now = readPlanFile(file)
  if (!now.startsWith(text) || !now.includes(`\n${line}`)) throw another()
  return now
}

/** Does the open file begin with the text? */
const startsAs = (fd: number, text: string): boolean => {
  const bytes = Buffer.from(text)
  return bytesOf(fd, bytes.length).equals(bytes)
}

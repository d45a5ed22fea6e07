import { createHash } from 'node:crypto'
import { open, statfs, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { TaskError } from '../errors.ts'
import { basename } from 'node:path/posix'
import { quote } from '../shell/quote.ts'
import { reading } from '../shell/staging.ts'
import type { Session } from './types.ts'

/** Bytes of one piece, before base64. */
const PIECE = 3 * 1024 * 1024
/** Time limit of one piece: at least 25 KiB/s. */
const PIECE_MS = 120_000

/** Size in bytes and SHA-256 of a file. */
export interface SizeAndSum {
  readonly size: number
  readonly sum: string
}

/** How to read a file of the host: by its path, or so that no user of the host can redirect the read (lib/shell/handles.ts). */
interface Reader {
  /** Shell text that goes first. */
  readonly enter: string
  /** Shell word of the file. */
  readonly word: string
  /** Shell text that prints `length` bytes from `at` on. */
  readonly piece: (at: number, length: number) => string
  readonly whole: string
}

const byPath = (path: string): Reader => {
  const word = quote(path)
  return {
    enter: '',
    word,
    piece: (at, length) => `tail -c +${at + 1} -- ${word} | head -c ${length}`,
    whole: `cat <${word}`,
  }
}

const byHandle = (path: string): Reader => {
  const word = quote(`./${basename(path)}`)
  const dd = `dd if=${word} iflag=nofollow,nonblock`
  return {
    enter: `${reading([path])}fmc_beside ${quote(path)} || exit\n[ ! -L ${word} ] || fmc_no "it is a link"\n`,
    word,
    piece: (at, length) =>
      `${dd},skip_bytes,count_bytes bs=64k skip=${at} count=${length} status=none`,
    whole: `${dd} bs=64k status=none`,
  }
}

/**
 * Size and checksum of a regular file on the host, which is at no point of its path a link that a user of the host made.
 * Throws TaskError for anything else, and for a file of more than `maxBytes`.
 */
export const examine = (session: Session, path: string, maxBytes: number): Promise<SizeAndSum> =>
  ask(session, byHandle(path), maxBytes, failure(path))

/** Like `download`, but follows no link that a user of the host could have made. */
export const downloadExamined = async (
  session: Session,
  path: string,
  local: string,
  expected: SizeAndSum,
): Promise<void> => {
  await fetchInto(session, byHandle(path), local, expected, failure(path))
}

const failure =
  (path: string): MakeError =>
  why =>
    new TaskError(`${path} cannot be copied: ${why}`)

/**
 * Copies a regular file from the host to a new file (0600) on this machine, piece by piece through the session's own
 * shell. Resolves with its size in bytes. Throws TaskError when there is no regular file at `path`, when it is larger than
 * `maxBytes` or than the free space here, or when it changes during the copy. The caller then removes the partial copy.
 */
export async function download(
  session: Session,
  path: string,
  local: string,
  maxBytes: number,
): Promise<number> {
  const failed = failure(path)
  const reader = byPath(path)
  const expected = await ask(session, reader, maxBytes, failed)
  await fetchInto(session, reader, local, expected, failed)
  return expected.size
}

async function fetchInto(
  session: Session,
  reader: Reader,
  local: string,
  { size, sum }: SizeAndSum,
  failed: MakeError,
): Promise<void> {
  const { bavail, bsize } = await statfs(dirname(local))
  if (size > bavail * bsize)
    throw failed(`it has ${mib(size)}, but ${dirname(local)} has only ${mib(bavail * bsize)} free`)
  const file = await open(local, 'wx', 0o600)
  try {
    const got = await copy(session, reader, file, size, failed)
    if (got !== sum) throw failed('it changed during the copy')
    await file.sync()
  } finally {
    await file.close()
  }
}

const mib = (bytes: number): string => `${(bytes / 1024 ** 2).toFixed(1)} MiB`

type MakeError = (why: string) => TaskError

/** The file's size and checksum. The host does not compute the checksum of a file that is too large. */
async function ask(
  session: Session,
  { enter, word: p, whole }: Reader,
  maxBytes: number,
  failed: MakeError,
): Promise<SizeAndSum> {
  const { code, stdout, stderr } = await session.run(
    `( ${enter}[ -f ${p} ] || { echo 'there is no regular file of this name' >&2; exit 1; }
s=$(stat -Lc %s -- ${p}) && printf '%s\\n' "$s" && { [ "$s" -gt ${maxBytes} ] || ${whole} | sha256sum; } )`,
  )
  const [, digits, sum] = /^(\d{1,20})\n(?:([0-9a-f]{64}) {2}-\n)?$/.exec(stdout) ?? []
  if (code !== 0 || digits === undefined)
    throw failed(stderr.trim().slice(-200) || 'the host did not report its size')
  const size = Number(digits)
  if (size > maxBytes) throw failed(`it has ${mib(size)}; the limit is ${mib(maxBytes)}`)
  if (sum === undefined) throw failed('the host reported no checksum')
  return { size, sum }
}

/** Copies exactly `size` bytes; resolves with their checksum. */
async function copy(
  session: Session,
  { enter, word: p, piece }: Reader,
  file: FileHandle,
  size: number,
  failed: MakeError,
): Promise<string> {
  const hash = createHash('sha256')
  for (let at = 0; at < size; at += PIECE) {
    const length = Math.min(PIECE, size - at)
    const { code, stdout, stderr } = await session.run(
      `( ${enter}${piece(at, length)} | base64 -w0 && printf '\\n%s\\n' "$(stat -Lc %s -- ${p})" )`,
      { timeoutMs: PIECE_MS },
    )
    if (code !== 0) throw failed(stderr.trim().slice(-200) || `exit code ${code}`)
    const [text = '', now, end, more] = stdout.split('\n', 4)
    const bytes = Buffer.from(text, 'base64')
    if (bytes.toString('base64') !== text || end !== '' || more !== undefined)
      throw failed('the host sent something other than a piece of the file')
    if (bytes.length !== length || now !== String(size))
      throw failed(
        `it changed during the copy: expected ${length} of its ${size} bytes and received ${bytes.length}`,
      )
    hash.update(bytes)
    await file.appendFile(bytes)
  }
  return hash.digest('hex')
}

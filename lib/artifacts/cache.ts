import { createHash, randomBytes } from 'node:crypto'
import { createReadStream, createWriteStream, mkdtempSync, rmSync } from 'node:fs'
import { open, readdir, rename, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { cacheDir as userCache, makeDirs } from '../cache-dir.ts'
import type { ArtifactOptions, CheckedFile } from './types.ts'

const TEMPORARY = '.part-'
const DAY_MS = 24 * 60 * 60 * 1000

/** The directory of downloads, each named by its sha256. */
export const cacheDirectory = ({ cacheDir, env = process.env }: ArtifactOptions): string =>
  cacheDir ?? join(userCache(env), 'artifacts')

/** sha256 and size of a file; undefined when there is none. */
export const checked = async (path: string): Promise<CheckedFile | undefined> => {
  const hash = createHash('sha256')
  let size = 0
  try {
    for await (const piece of createReadStream(path)) {
      hash.update(piece as Buffer)
      size += (piece as Buffer).length
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  return { path, sha256: hash.digest('hex'), size }
}

/** A file of the cache; undefined when it is missing or cannot be read. */
export const cached = (path: string): Promise<CheckedFile | undefined> =>
  checked(path).catch(() => undefined)

/**
 * Writes a stream into the cache. The file appears only when it is complete, synced to disk and, with `expected`, has
 * that sha256; otherwise the error that `mismatch` makes is thrown and nothing is left. Where the cache cannot be
 * written (read-only, full), the file lies in a temporary directory until this process ends.
 */
export const store = async (
  cache: string,
  source: () => AsyncIterable<Uint8Array>,
  expected: string | undefined,
  mismatch: (sha256: string, size: number) => Error,
): Promise<CheckedFile> => {
  try {
    return await storeIn(cache, source(), expected, mismatch)
  } catch (error) {
    if (!isDisk(error)) throw error
    return storeIn(temporaryCache(), source(), expected, mismatch)
  }
}

/** Whether writing to the disk failed, not the source of the bytes. */
const isDisk = (error: unknown): boolean => {
  const { syscall = '' } = error as NodeJS.ErrnoException
  return ['mkdir', 'scandir', 'open', 'write', 'fsync', 'rename', 'unlink'].includes(syscall)
}

let ownCache: string | undefined

const temporaryCache = (): string => {
  if (ownCache !== undefined) return ownCache
  const made = mkdtempSync(join(tmpdir(), 'fmc-artifacts-'))
  process.once('exit', () => rmSync(made, { recursive: true, force: true }))
  return (ownCache = made)
}

const storeIn = async (
  cache: string,
  source: AsyncIterable<Uint8Array>,
  expected: string | undefined,
  mismatch: (sha256: string, size: number) => Error,
): Promise<CheckedFile> => {
  makeDirs(cache)
  await sweep(cache)
  const temporary = join(cache, `${TEMPORARY}${randomBytes(6).toString('hex')}`)
  const hash = createHash('sha256')
  let size = 0
  try {
    await pipeline(
      source,
      async function* (pieces: AsyncIterable<Uint8Array>) {
        for await (const piece of pieces) {
          hash.update(piece)
          size += piece.length
          yield piece
        }
      },
      createWriteStream(temporary, { flags: 'wx', mode: 0o600 }),
    )
    const sha256 = hash.digest('hex')
    if (expected !== undefined && sha256 !== expected) throw mismatch(sha256, size)
    await keep(temporary, join(cache, sha256))
    return { path: join(cache, sha256), sha256, size }
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}

const keep = async (temporary: string, path: string): Promise<void> => {
  const file = await open(temporary)
  await file.sync().finally(() => file.close())
  await rename(temporary, path)
  const directory = await open(dirname(path))
  await directory.sync().finally(() => directory.close())
}

/** Removes partial files of killed runs: those that were not written to for a day. */
const sweep = async (cache: string): Promise<void> => {
  for (const name of await readdir(cache)) {
    if (!name.startsWith(TEMPORARY)) continue
    const path = join(cache, name)
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Date.now() }))
    if (Date.now() - mtimeMs > DAY_MS) await rm(path, { force: true })
  }
}

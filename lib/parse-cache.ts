import { createHash } from 'node:crypto'
import { join, resolve } from 'node:path'
import { cacheDir, readCached, writeCached } from './cache-dir.ts'

/**
 * The data of a file when it was last parsed; undefined if its bytes or `form` (the parser's version) have changed. There is
 * one cache file per file. Never throws: a cache that cannot be used is ignored.
 */
export function readParsed(kind: string, file: string, bytes: Uint8Array, form: string): unknown {
  try {
    const text = readCached(cachePath(kind, file)) ?? ''
    const end = text.indexOf('\n')
    if (text.slice(0, end) !== digest(bytes, form)) return undefined
    return JSON.parse(text.slice(end))
  } catch {
    return undefined
  }
}

/** Remembers the data of a parsed file; `data` must survive JSON. Never throws. */
export function writeParsed(
  kind: string,
  file: string,
  bytes: Uint8Array,
  form: string,
  data: unknown,
): void {
  try {
    writeCached(cachePath(kind, file), `${digest(bytes, form)}\n${JSON.stringify(data)}`)
  } catch {
    // cacheDir() throws for a cache that other users may write; the code that loads roles reports it.
  }
}

const digest = (bytes: Uint8Array, form: string): string =>
  `${form} ${createHash('sha256').update(bytes).digest('hex')}`

function cachePath(kind: string, file: string): string {
  const name = createHash('sha256').update(resolve(file)).digest('hex').slice(0, 16)
  return join(cacheDir(), kind, `${name}.json`)
}

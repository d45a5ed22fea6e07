import { createHash } from 'node:crypto'
import { join, resolve } from 'node:path'
import { cacheDir, readCached, writeCached } from './cache-dir.ts'

/**
 * What a file's text came to when it was last parsed; undefined unless text and `form` (of the parser) are the same.
 * One cache file per file. A cache that cannot be read or written is no error.
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

/** `data`: plain data that JSON can hold. */
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
    // A cache that others may write: whoever loads code says so.
  }
}

const digest = (bytes: Uint8Array, form: string): string =>
  `${form} ${createHash('sha256').update(bytes).digest('hex')}`

function cachePath(kind: string, file: string): string {
  const name = createHash('sha256').update(resolve(file)).digest('hex').slice(0, 16)
  return join(cacheDir(), kind, `${name}.json`)
}

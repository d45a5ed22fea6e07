import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { readCached, writeCached } from '../../cache-dir.ts'
import { batch, isFamily, keyOf, type Query } from '../../facts/index.ts'

/**
 * Which questions a host was asked last time, on the controller. They are sent with the connection itself, so that
 * a run that changes nothing is one handshake and one round trip. Questions only, never answers: a stale memory
 * costs time, not truth. A file that cannot be read or written, or that another user could have written, is as good as none.
 */
export class Questions {
  readonly #file: string
  constructor(cacheDir: string, inventoryFile: string, what: string, host: string) {
    const id = createHash('sha256')
      .update(`${inventoryFile}\0${what}\0${host}`)
      .digest('hex')
      .slice(0, 24)
    this.#file = join(cacheDir, 'questions', `${id}.json`)
  }

  /** Only questions that can be asked: the run does not depend on what stands in the file. */
  load(): readonly Query[] {
    const found = parsed(readCached(this.#file))
    const known = Array.isArray(found) ? (found as unknown[]).filter(isQuery) : []
    return canBeAsked(known) ? known : known.filter(query => canBeAsked([query]))
  }

  /** `remembered` is what load() gave; nothing is written when nothing is new. */
  save(asked: readonly Query[], remembered: readonly Query[]): void {
    const keep = asked.filter(q => q.family !== 'system')
    const same =
      keep.length === remembered.length &&
      new Set([...keep, ...remembered].map(keyOf)).size === keep.length
    // A read-only cache only makes the next run ask twice.
    if (!same)
      writeCached(
        this.#file,
        JSON.stringify(keep.map(({ family, arg, maxBytes }) => ({ family, arg, maxBytes }))),
      )
  }
}

function parsed(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '')
  } catch {
    return undefined
  }
}

const isQuery = (q: unknown): q is Query =>
  typeof q === 'object' &&
  q !== null &&
  'family' in q &&
  'arg' in q &&
  typeof q.arg === 'string' &&
  typeof q.family === 'string' &&
  isFamily(q.family) &&
  (!('maxBytes' in q) || Number.isSafeInteger(q.maxBytes))

/** A NUL is no part of a shell's word, and half a character none of its bytes. */
function canBeAsked(queries: readonly Query[]): boolean {
  try {
    const { script } = batch(queries)
    return !/[\0\p{Cs}]/u.test(script)
  } catch {
    return false
  }
}

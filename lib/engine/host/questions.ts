import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { readCached, writeCached } from '../../cache-dir.ts'
import { batch, isFamily, keyOf, type Query } from '../../facts/index.ts'

/**
 * Remembers on the controller which questions the last run of a command asked a host. The next run sends them with its
 * connection, so that a run that changes nothing takes one handshake and one round trip. Only questions are remembered,
 * never answers: an outdated memory costs time, but is never wrong. A file that cannot be read or written, or that another
 * user could have written, is ignored.
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

  /** The remembered questions, without those that make no sense: the run does not trust the file. */
  load(): readonly Query[] {
    const found = parsed(readCached(this.#file))
    const known = Array.isArray(found) ? (found as unknown[]).filter(isQuery) : []
    return canBeAsked(known) ? known : known.filter(query => canBeAsked([query]))
  }

  /** Remembers what was asked, unless that is `remembered`, the result of load(). */
  save(asked: readonly Query[], remembered: readonly Query[]): void {
    const keep = asked.filter(q => q.family !== 'system')
    const same =
      keep.length === remembered.length &&
      new Set([...keep, ...remembered].map(keyOf)).size === keep.length
    // If the cache is read-only, the next run just needs one more round trip.
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

/** Can a shell be asked these questions? Not with a NUL or half a surrogate pair in them. */
function canBeAsked(queries: readonly Query[]): boolean {
  try {
    const { script } = batch(queries)
    return !/[\0\p{Cs}]/u.test(script)
  } catch {
    return false
  }
}

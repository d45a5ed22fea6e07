import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isFamily, keyOf, type Query } from '../facts/index.ts'

/**
 * Which questions a host was asked last time, on the controller. They are sent with the connection itself, so that
 * a run that changes nothing is one handshake and one round trip. Questions only, never answers: a stale memory
 * costs time, not truth. A file that cannot be read or written is as good as none.
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

  load(): readonly Query[] {
    try {
      const found: unknown = JSON.parse(readFileSync(this.#file, 'utf8'))
      if (!Array.isArray(found)) return []
      return (found as unknown[]).filter(
        (q): q is Query =>
          typeof q === 'object' &&
          q !== null &&
          'family' in q &&
          'arg' in q &&
          typeof q.arg === 'string' &&
          typeof q.family === 'string' &&
          isFamily(q.family) &&
          (!('maxBytes' in q) || Number.isSafeInteger(q.maxBytes)),
      )
    } catch {
      return []
    }
  }

  /** `remembered` is what load() gave; nothing is written when nothing is new. */
  save(asked: readonly Query[], remembered: readonly Query[]): void {
    const keep = asked.filter(q => q.family !== 'system')
    const same =
      keep.length === remembered.length &&
      new Set([...keep, ...remembered].map(keyOf)).size === keep.length
    if (same) return
    try {
      mkdirSync(join(this.#file, '..'), { recursive: true, mode: 0o700 })
      const candidate = `${this.#file}.${process.pid}`
      writeFileSync(
        candidate,
        JSON.stringify(keep.map(({ family, arg, maxBytes }) => ({ family, arg, maxBytes }))),
        {
          mode: 0o600,
        },
      )
      renameSync(candidate, this.#file)
    } catch {
      // A read-only cache only makes the next run ask twice.
    }
  }
}

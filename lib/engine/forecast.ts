import { keyOf, type Query, type UnitFact } from '../facts/index.ts'
import type { PlannedChange } from '../resources/scope.ts'

const UNIT_DIR = '/etc/systemd/system/'

/**
 * What a host would look like after the tasks planned so far: the facts that planned changes leave behind,
 * and the few that follow from others. It never says what it cannot know; then the host is asked.
 */
export class Forecast {
  readonly #facts = new Map<string, unknown>()
  readonly #texts = new Map<string, string>()
  readonly #mounts = new Set<string>()

  add(changes: readonly PlannedChange[]): void {
    for (const change of changes) {
      for (const [query, fact] of change.leaves ?? []) {
        this.#facts.set(keyOf(query), fact)
        if (query.family === 'mount' && fact !== null) this.#cover(query.arg)
        if (query.family === 'sha' && fact === 'unknown') this.#texts.delete(query.arg)
      }
      if (change.text) this.#texts.set(...change.text)
    }
  }

  /** A newly mounted file system hides what was planned or found below its mount point. */
  #cover(dir: string): void {
    this.#mounts.add(dir)
    for (const key of this.#facts.keys())
      if (/^(path|sha|link):/.test(key) && below(key.slice(key.indexOf(':') + 1), dir))
        this.#facts.delete(key)
  }

  /** The forecast fact, or undefined: ask the host. `ask` reads the host for facts that a derivation starts from. */
  read(query: Query, ask: (query: Query) => Promise<unknown>): unknown {
    const key = keyOf(query)
    if (this.#facts.has(key)) return this.#facts.get(key)
    return this.#derive(query, ask)
  }

  #derive({ family, arg }: Query, ask: (query: Query) => Promise<unknown>): unknown {
    if (family === 'line') {
      const [path = '', line = ''] = arg.split('\0')
      return this.#texts.get(path)?.split('\n').includes(line)
    }
    if (family === 'unit') {
      const file = /\.[a-z]+$/.test(arg) ? arg : `${arg}.service`
      if (this.#facts.get(`sha:${UNIT_DIR}${file}`) === undefined) return undefined
      return ask({ family, arg }).then(fact => {
        const now = fact as UnitFact
        if (now.load === 'loaded') return { ...now, reload: false }
        const text = this.#texts.get(UNIT_DIR + file) ?? ''
        return {
          ...now,
          load: 'loaded',
          reload: false,
          enabled: text.includes('[Install]') ? 'disabled' : 'static',
        }
      })
    }
    if (family === 'path' || family === 'sha' || family === 'link') {
      for (const dir of this.#mounts) if (below(arg, dir)) return null
      // The root of a file system just made belongs to root with mode 0755 (mke2fs(8), mkfs.xfs(8)).
      if (family === 'path' && this.#mounts.has(arg))
        return { type: 'directory', mode: '0755', owner: 'root', group: 'root' }
    }
    return undefined
  }
}

const below = (path: string, dir: string): boolean => path.startsWith(`${dir}/`)

import { statSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import type { DriftOptions } from '../commands/drift.ts'
import { loadPlaybook, playbookSources } from '../load.ts'
import { choose, makeReady, type Ready } from '../prepare.ts'

/** The playbook of a watch, made ready again whenever one of its files has changed. */
export class Sources {
  readonly #name: string
  readonly #options: DriftOptions
  #files: readonly string[] = []
  #seen = ''
  #ready: Ready | undefined

  constructor(name: string, options: DriftOptions) {
    this.#name = name
    this.#options = options
  }

  /** The first time. Throws UsageError. */
  async open(): Promise<Ready> {
    this.#ready = await this.#load()
    return this.#ready
  }

  /**
   * The playbook as its files say now. A file that is wrong leaves the last good state in use; `error` says why, once for each
   * change. `changed`: names of the files that have changed since the last call.
   */
  async current(): Promise<{
    readonly ready: Ready
    readonly changed: readonly string[]
    readonly error?: Error
  }> {
    const before = this.#seen
    const ready = this.#ready ?? (await this.open())
    const now = this.#fingerprint()
    if (now === before) return { ready, changed: [] }
    const changed = differing(before, now)
    try {
      return { ready: await this.open(), changed }
    } catch (thrown) {
      this.#seen = now
      const error = thrown instanceof Error ? thrown : new Error(String(thrown))
      return { ready, changed, error }
    }
  }

  async #load(): Promise<Ready> {
    const { inventory } = this.#options
    const own = [inventory, ...(this.#options.extraVars ?? []).flatMap(fileOf)]
    // A file that changes while it is read is read again in the next cycle.
    this.#files = [...new Set([...this.#files, ...own.map(f => resolve(f))])]
    const early = this.#fingerprint()
    const sources = await playbookSources(this.#name, inventory)
    const book = await loadPlaybook(this.#name, inventory)
    const ready = await makeReady(await choose(book, `drift ${this.#name}`, this.#options, true))
    const before = new Set(this.#files)
    const files = [...own.map(f => resolve(f)), ...sources, ready.inventory.secretsFile]
    this.#files = [...new Set(files)]
    const added = this.#files.filter(f => !before.has(f))
    this.#seen = [...early.split('\n'), ...added.map(versionOf)]
      .filter(line => this.#files.some(f => line.startsWith(`${f}\0`)))
      .sort()
      .join('\n')
    return ready
  }

  #fingerprint(): string {
    return this.#files.map(versionOf).sort().join('\n')
  }
}

const fileOf = (given: string): string[] => (given.startsWith('@') ? [given.slice(1)] : [])

/** Path, time and size of a file, which change with its content; `gone` if it is not there. */
function versionOf(file: string): string {
  try {
    const { mtimeMs, size, ino } = statSync(file)
    return `${file}\0${mtimeMs}\0${size}\0${ino}`
  } catch {
    return `${file}\0gone`
  }
}

/** The names of files with another version. */
function differing(before: string, now: string): string[] {
  const old = new Set(before.split('\n'))
  return now
    .split('\n')
    .filter(line => !old.has(line))
    .map(line => basename(line.split('\0')[0] ?? ''))
}

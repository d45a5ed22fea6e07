import { keyOf, type Query, type UnitFact } from '../../facts/index.ts'
import type { PlannedChange } from '../../resources/scope.ts'

const UNIT_DIR = '/etc/systemd/system/'

/**
 * What a host will look like after the tasks planned so far: the facts that planned changes leave behind, and a few that
 * follow from those. It answers only what it knows; for the rest, ask the host.
 */
export class Forecast {
  readonly #facts = new Map<string, unknown>()
  readonly #texts = new Map<string, string>()
  readonly #mounts = new Set<string>()

  /** Planned changes may add a package repository, so what packages will be offered is unknown. */
  #repositories = false
  /** Planned changes may alter what is set at boot. */
  #sysctl = false

  /** Adds planned changes. `opaque`: they may alter more than they can name. */
  add(changes: readonly PlannedChange[], opaque = false): void {
    for (const change of changes) {
      const free = opaque && change.keepsSettings !== true
      const paths = (change.factsAfter ?? []).map(([{ arg }]) => arg)
      this.#repositories ||= free || paths.some(isOfRepositories)
      this.#sysctl ||= free || paths.some(isOfSysctl)
      for (const [query, fact] of change.factsAfter ?? []) {
        this.#facts.set(keyOf(query), fact)
        if (query.family === 'mount' && fact !== null) this.#cover(query.arg)
      }
      this.#write(change)
    }
  }

  /** Keeps what is known about the text of the files that a change writes. */
  #write({ factsAfter = [], text }: PlannedChange): void {
    for (const [query, fact] of factsAfter) {
      if (query.family !== 'sha') continue
      const path = query.arg
      const lines = factsAfter.flatMap(([q, f]) =>
        q.family === 'line' && f === true && q.arg.startsWith(`${path}\0`)
          ? [q.arg.slice(path.length + 1)]
          : [],
      )
      const before = this.#texts.get(path)
      if (lines.length > 0) {
        if (before !== undefined) this.#texts.set(path, appended(before, lines))
        continue
      }
      for (const key of this.#facts.keys())
        if (key.startsWith(`line:${path}\0`)) this.#facts.delete(key)
      if (fact === null) this.#texts.set(path, '')
      else this.#texts.delete(path)
    }
    if (text) this.#texts.set(...text)
  }

  /** A newly mounted file system hides what was planned or found below its mount point. */
  #cover(dir: string): void {
    this.#mounts.add(dir)
    for (const key of this.#facts.keys())
      if (/^(path|sha|link):/.test(key) && below(key.slice(key.indexOf(':') + 1), dir))
        this.#facts.delete(key)
  }

  /** The forecast fact; undefined: ask the host. `ask` reads from the host the facts that a forecast fact is derived from. */
  read(query: Query, ask: (query: Query) => Promise<unknown>): unknown {
    const key = keyOf(query)
    if (this.#facts.has(key)) return this.#facts.get(key)
    return this.#derive(query, ask)
  }

  #planned(path: string): boolean {
    return (this.#facts.get(`sha:${path}`) ?? null) !== null
  }

  #derive({ family, arg }: Query, ask: (query: Query) => Promise<unknown>): unknown {
    if (family === 'debOffer' || family === 'rpmOffer')
      return this.#repositories ? 'unknown' : undefined
    if (family === 'sysctlFiles') return this.#sysctl ? 'unknown' : undefined
    if (family === 'line') {
      const [path = '', line = ''] = arg.split('\0')
      return this.#texts.get(path)?.split('\n').includes(line)
    }
    if (family === 'content') {
      if (this.#facts.get(`sha:${arg}`) === null) return null
      const text = this.#texts.get(arg)
      return text === undefined ? undefined : Buffer.from(text)
    }
    if (family === 'unit') {
      const own = /\.[a-z]+$/.test(arg) ? arg : `${arg}.service`
      // An instance has its template's file (systemd.unit(5)).
      const file = [own, own.replace(/@.*\./, '@.')].find(f => this.#planned(UNIT_DIR + f))
      if (file === undefined) return undefined
      return ask({ family, arg }).then(fact => {
        const now = fact as UnitFact
        const installable = this.#texts.get(UNIT_DIR + file)?.includes('[Install]')
        const enabled = installable ? 'disabled' : 'static'
        if (now.load !== 'loaded') return { ...now, load: 'loaded', reload: false, enabled }
        const free = now.enabled === 'static' || now.enabled === 'disabled'
        return {
          ...now,
          reload: false,
          enabled: free && installable !== undefined ? enabled : now.enabled,
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

/** Does the argument of a question name a file that says which package repositories there are, or a key of one? */
const isOfRepositories = (arg: string): boolean =>
  /^\/(?:etc\/(?:apt|dnf|yum|yum\.repos\.d|pki)|usr\/share\/keyrings)(?:\/|\0|$)/.test(arg) ||
  /^\/[^\0]*\.(?:gpg|asc|sources|list|repo)(?:\0|$)/.test(arg)

/** Is it about a file of sysctl.d(5) that the resource `sysctl` does not write itself? */
const isOfSysctl = (arg: string): boolean =>
  /^\/(?:(?:etc|run|usr\/lib|usr\/local\/lib)\/sysctl\.d|etc\/sysctl\.conf)(?:\/(?!90-fmc-)|\0|$)/.test(
    arg,
  )

const appended = (text: string, lines: readonly string[]): string =>
  `${text}${text === '' || text.endsWith('\n') ? '' : '\n'}${lines.join('\n')}\n`

const below = (path: string, dir: string): boolean => path.startsWith(`${dir}/`)

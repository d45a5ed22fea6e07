/** What a saved plan keeps of a planned task: words, and digests of what it would do and of what it saw. */
import { keyOf, type Query } from '../../facts/index.ts'
import { withoutNewEachTime } from '../../resources/new-each-time.ts'
import type { PlannedChange } from '../../resources/scope.ts'
import { Secret } from '../../secrets/secret.ts'
import type { TaskRecord } from '../role/record.ts'

/** Makes a digest of a text with a key that only those who may read the secrets have (HMAC). */
export type Digest = (text: string) => string

/** One change of a planned task. */
export interface SavedChange {
  /** In words, as in reports. */
  readonly what: string
  /** Digest of how it is made: its scripts. */
  readonly way: string
  /**
   * Digests of what must hold afterwards: content, links, lines, packages; of a command its `way`. Empty: the state that the
   * role declares, which depends on code and variables alone.
   */
  readonly results: readonly string[]
}

/** A fact that a planned task has read. */
export interface SavedFact {
  /** Digest of the question. */
  readonly question: string
  /** The kind of question: "sha", "unit". */
  readonly family: string
  /** Digest of the answer. */
  readonly answer: string
}

/** A planned task that would change something. */
export interface SavedTask {
  readonly play: string
  readonly host: string
  readonly delegatedBy?: string | undefined
  readonly role: string
  readonly task: string
  readonly changes: readonly SavedChange[]
  readonly facts: readonly SavedFact[]
  /** The plan depends on something that only the changed host can tell. */
  readonly estimate?: true | undefined
  readonly note?: string | undefined
}

/** Facts that the same task of the same plan always ends with, whatever it finds. */
const RESULTS = new Set(['sha', 'link', 'line', 'deb', 'rpm'])

/**
 * A value as text that is equal for equal values: keys are sorted; bytes, maps, sets and Secrets count with their content. The
 * result may contain secrets: give it only to a digest.
 */
export function canonical(value: unknown): string {
  if (value instanceof Secret) return `secret ${JSON.stringify(value.reveal())}`
  if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString('base64')}`
  if (value instanceof Map) return `map ${canonical([...value])}`
  if (value instanceof Set) return `set ${canonical([...value])}`
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`
  if (typeof value === 'object' && value !== null)
    return `{${Object.entries(value)
      .filter(([, inner]) => inner !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => `${JSON.stringify(key)}:${canonical(inner)}`)
      .join()}}`
  return value === undefined ? 'undefined' : JSON.stringify(value)
}

/** The planned change with digests for its scripts and results. */
export function savedChange(change: PlannedChange, digest: Digest): SavedChange {
  const { what, script, prepare, upload, factsAfter = [], text, reboots, compared } = change
  const of = (value: unknown): string => digest(withoutNewEachTime(canonical(value)))
  // Where on the controller an upload comes from does not matter: `prepare` compares its checksum.
  const way = of({
    ...{ script: plain(script), prepare: plain(prepare), compared: plain(compared) },
    ...{ to: upload?.to, reboots },
  })
  const results = [
    ...factsAfter
      .filter(([query]) => RESULTS.has(query.family))
      .map(([query, fact]) => of([keyOf(query), fact])),
    ...(text === undefined ? [] : [of(['text', ...text])]),
  ]
  const declares = compared !== undefined || (factsAfter.length > 0 && change.command !== true)
  return { what, way, results: results.length > 0 || declares ? results : [way] }
}

/** A script is the same whether or not a part of it is marked as secret. */
const plain = (script: string | Secret | undefined): string | undefined =>
  script instanceof Secret ? script.reveal() : script

/**
 * The part of an answer that a saved plan compares; undefined: nothing, because it changes by itself (uptime), or because another
 * fact says the same (a file's checksum). Of a command only whether it succeeds: what it prints may contain times.
 */
export function comparable({ family }: Query, fact: unknown): unknown {
  if (family === 'boot' || family === 'content' || family === 'pending' || family === 'system')
    return undefined
  if (typeof fact !== 'object' || fact === null) return fact ?? null
  if (family === 'command') return (fact as { readonly code: number }).code
  if (family === 'debOffer' || family === 'rpmOffer')
    return (fact as { readonly candidate: string | null }).candidate
  return fact
}

/** What a saved plan keeps of a fact; undefined: nothing. */
export function savedFact(query: Query, fact: unknown, digest: Digest): SavedFact | undefined {
  const value = comparable(query, fact)
  if (value === undefined) return undefined
  return {
    question: digest(canonical(keyOf(query))),
    family: query.family,
    answer: digest(canonical([keyOf(query), value])),
  }
}

/** What a saved plan keeps of a task. */
export const savedTask = (play: string, record: TaskRecord, digest: Digest): SavedTask => ({
  play,
  host: record.host,
  ...(record.delegatedBy === undefined ? {} : { delegatedBy: record.delegatedBy }),
  role: record.role,
  task: record.name,
  changes: record.changes.map(change => savedChange(change, digest)),
  facts: (record.facts ?? []).map(({ saved }) => saved),
  ...(record.estimate ? { estimate: true as const } : {}),
  ...(record.note === undefined ? {} : { note: record.note }),
})

/** Which task of a run it is. */
export const taskKey = (o: {
  readonly play: string
  readonly host: string
  readonly delegatedBy?: string | undefined
  readonly role: string
  readonly task: string
}): string => [o.play, o.delegatedBy ?? o.host, o.host, o.role, o.task].join('\0')

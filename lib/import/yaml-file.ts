import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  type Document,
  type Pair as YamlPair,
  type Scalar,
  type YAMLMap,
} from 'yaml'
import { UsageError } from '../errors.ts'
import { offsetOf } from '../inventory/plain.ts'
import { Unfit, Unsafe, Vaulted, type Variables } from './model.ts'
import { isJson, isMergeKey, keyText, MAPS, TAG } from './yaml-nodes.ts'
import { jsonScalar, plainScalar, Refusal, taggedScalar, type Resolved } from './yaml-scalars.ts'

/** One pair of a map. */
export interface Pair {
  /** The key as Ansible's JSON shows it: `yes` is `true`, `0644` is `420`. */
  readonly key: string
  /** The key is a text in Ansible, too. */
  readonly isText: boolean
  readonly node: unknown
  readonly line: number
  readonly note?: string | undefined
}

/** More values, aliases counted at every use, are an attack: aliases can make a small file enormous. */
const MOST_VALUES = 500_000
const DEEPEST = 200

/**
 * A YAML file as Ansible reads it: PyYAML's scalars and merges, one document, of duplicate keys the last one; JSON where
 * the whole file is JSON. Throws a UsageError with file:line for what Ansible refuses.
 */
export class YamlFile {
  readonly #file: string
  readonly #lines = new LineCounter()
  readonly #document: Document
  readonly #isJson: boolean
  #values = 0
  #merging = 0

  constructor(text: string, file: string) {
    this.#file = file
    this.#isJson = isJson(text)
    this.#document = parseDocument(text, {
      version: '1.1',
      schema: 'failsafe',
      resolveKnownTags: false,
      merge: false,
      uniqueKeys: false,
      prettyErrors: false,
      logLevel: 'error',
      lineCounter: this.#lines,
    })
    const separator = text.search(/[\x85\u2028\u2029]/)
    if (separator >= 0)
      throw this.wrong(
        separator,
        'a line ends here with a character that only YAML 1.1 takes for a line end (U+0085, U+2028 or U+2029): write a plain line end, or "\\u2028" in double quotes',
      )
    // PyYAML needs no blank before the # of a comment after a quote.
    const [error] = this.#document.errors.filter(e => !e.message.startsWith('Comments must be'))
    if (error?.code === 'MULTIPLE_DOCS')
      throw this.wrong(
        error.pos[0],
        'a second YAML document begins here (---), which Ansible refuses: make one file of each',
      )
    if (error !== undefined) throw this.wrong(error.pos[0], `bad YAML: ${error.code}`)
  }

  root(): unknown {
    return this.#document.contents
  }

  /** Throws for what Ansible refuses anywhere in the file: it reads all of it before it uses any. */
  check(): void {
    this.#plain(this.root(), { ...OUTSIDE, notes: [], open: [] })
  }

  /** The pairs of a map, with those that `<<` merges; a text counts as a map with that one key. Empty for null. */
  pairs(node: unknown, what: string): readonly Pair[] {
    const target = this.#follow(node)
    if (target === null || target === undefined) return []
    if (isMap(target)) return this.#mapPairs(target)
    const value = isScalar(target) ? this.#scalar(target).value : undefined
    if (value === null) return []
    if (typeof value === 'string')
      return [{ key: value, isText: true, node: null, line: this.lineOf(target) }]
    throw this.wrong(offsetOf(target), `${what}: expected a map`)
  }

  isMap(node: unknown): boolean {
    return isMap(this.#follow(node))
  }

  /** Null, or nothing at all. */
  isEmpty(node: unknown): boolean {
    const target = this.#follow(node)
    return !isScalar(target) ? target == null : this.#scalar(target).value === null
  }

  variables(node: unknown, what: string): Variables {
    return new Map(
      this.pairs(node, what).map(({ key, node: value, line, note }) => {
        const notes: string[] = note === undefined ? [] : [note]
        const plain = this.#plain(value, { ...OUTSIDE, notes, open: [] })
        return [
          key,
          {
            file: this.#file,
            line,
            value: plain,
            note: notes.length > 0 ? notes.join('; ') : undefined,
          },
        ]
      }),
    )
  }

  lineOf(node: unknown): number {
    return Math.max(1, this.#lines.linePos(offsetOf(node)).line)
  }

  wrong(offset: number, message: string): UsageError {
    return new UsageError(
      `${this.#file}:${Math.max(1, this.#lines.linePos(offset).line)}: ${message}`,
    )
  }

  #follow(node: unknown): unknown {
    if (!isAlias(node)) return node
    const target = node.resolve(this.#document)
    if (target === undefined)
      throw this.wrong(
        offsetOf(node),
        'there is no anchor (&) for this alias (*): put a text that begins with * into quotes',
      )
    return target
  }

  #plain(node: unknown, at: Descent): unknown {
    if (++this.#values > MOST_VALUES)
      throw this.wrong(offsetOf(node), 'too many values, aliases counted at every use')
    const target = this.#follow(node)
    if (at.open.includes(target) || at.open.length > DEEPEST)
      throw this.wrong(offsetOf(node), 'this contains itself, or is nested too deeply')
    if (target === null || target === undefined) return null
    if (isScalar(target)) {
      const { value, note } = this.#scalar(target, at)
      if (note !== undefined) at.notes.push(note)
      return at.unsafe && typeof value === 'string' ? new Unsafe(value) : value
    }
    const tag = isSeq(target) || isMap(target) ? target.tag : undefined
    const inner = {
      notes: at.notes,
      unsafe: at.unsafe || tag === '!unsafe',
      inFlow: (isSeq(target) || isMap(target)) && target.flow === true,
      open: [...at.open, target],
    }
    if (isSeq(target) && (tag === undefined || tag === `${TAG}seq` || tag === '!unsafe'))
      return target.items.map(item => this.#plain(item, inner))
    if (isMap(target) && (tag === undefined || MAPS.test(tag)))
      return Object.fromEntries(
        this.#mapPairs(target, inner.notes).map(({ key, node: value }) => [
          key,
          this.#plain(value, inner),
        ]),
      )
    if (/^tag:yaml\.org,2002:(set|omap|pairs)$/.test(tag ?? ''))
      return new Unfit(`a ${(tag ?? '').slice(TAG.length)}: write a list or a map`)
    throw this.wrong(offsetOf(target), 'Ansible does not know the tag here')
  }

  #mapPairs(map: YAMLMap, notes: string[] = []): readonly Pair[] {
    if (++this.#merging > DEEPEST || ++this.#values > MOST_VALUES)
      throw this.wrong(offsetOf(map), 'this merges (<<) itself, or too much')
    const own: Pair[] = []
    const merged = new Map<string, Pair>()
    for (const pair of map.items)
      if (isMergeKey(pair)) this.#merge(pair.value, merged, notes)
      else own.push(this.#pair(pair, notes, map.flow === true))
    const all = new Map(merged)
    // Of duplicate keys the first one decides the place, the last one the value.
    for (const pair of own) all.set(pair.key, pair)
    this.#merging--
    return [...all.values()]
  }

  /** Adds what `<<: *map` or `<<: [*map, *other]` merges; of two maps the first one counts (yaml.org/type/merge.html). */
  #merge(value: unknown, merged: Map<string, Pair>, notes: string[]): void {
    const target = this.#follow(value)
    for (const item of isSeq(target) ? target.items : [target]) {
      const map = this.#follow(item)
      if (!isMap(map))
        throw this.wrong(offsetOf(value), 'after << a map is expected, or a list of maps')
      for (const pair of this.#mapPairs(map, notes)) {
        const known = merged.get(pair.key)
        if (known === undefined) merged.set(pair.key, pair)
        else if (this.#text(known.node) !== this.#text(pair.node))
          notes.push(
            `two merged maps have the key ${pair.key} (lines ${known.line} and ${pair.line}): the first one counts by YAML’s rules, the second one in some versions of PyYAML`,
          )
      }
    }
  }

  #text(node: unknown): string {
    return JSON.stringify(this.#plain(node, { ...OUTSIDE, notes: [], open: [] }))
  }

  #pair({ key, value: node }: YamlPair, notes: string[], inFlow: boolean): Pair {
    const target = this.#follow(key)
    const line = this.lineOf(key)
    if (target !== null && !isScalar(target))
      throw this.wrong(offsetOf(key), 'a key must be a text, not a list or a map')
    // The bare text = is refused as a value, not as a key.
    if (target?.value === '=' && target.tag === undefined)
      return { key: '=', isText: true, node, line }
    const { value } =
      target === null ? { value: null } : this.#scalar(target, { unsafe: false, inFlow })
    if (typeof value === 'string') return { key: value, isText: true, node, line }
    const text = keyText(value)
    const source = target?.source ?? ''
    const note =
      text === source ? undefined : `YAML 1.1 reads the key ${source || '(nothing)'} as ${text}`
    if (note !== undefined) notes.push(note)
    return { key: text, isText: false, node, line, note }
  }

  #scalar(node: Scalar, at: Pick<Descent, 'unsafe' | 'inFlow'> = OUTSIDE): Resolved {
    try {
      return this.#resolve(node, at)
    } catch (error) {
      if (error instanceof Refusal) throw this.wrong(offsetOf(node), error.message)
      throw error
    }
  }

  #resolve(
    { tag, value, type, source }: Scalar,
    { unsafe, inFlow }: Pick<Descent, 'unsafe' | 'inFlow'>,
  ): Resolved {
    const text = typeof value === 'string' ? value : ''
    if (tag === '!vault' || tag === '!vault-encrypted') return { value: new Vaulted(text) }
    if (tag === '!' && text === '') return { value: '' }
    // Ansible resolves what is below !unsafe as if it had no quotes.
    if (tag === '!unsafe') {
      const resolved = plainScalar(text)
      return typeof resolved.value === 'string' ? { value: new Unsafe(resolved.value) } : resolved
    }
    if (tag !== undefined && tag !== '!' && !unsafe) return taggedScalar(tag, text)
    if (type !== 'PLAIN' && value !== null) return { value: text }
    if (inFlow && text.startsWith('?'))
      throw new Refusal(
        'PyYAML takes the ? in [] or {} for the mark of a key: put the text into quotes',
      )
    if (this.#isJson) return { value: jsonScalar(source ?? '') }
    return plainScalar(text)
  }
}

const OUTSIDE = { unsafe: false, inFlow: false }

interface Descent {
  readonly unsafe: boolean
  /** Directly in [] or {}. */
  readonly inFlow: boolean
  readonly notes: string[]
  /** The collections around this node. */
  readonly open: readonly unknown[]
}

import type { Document, LineCounter, Node, Pair, Scalar, YAMLMap } from 'yaml'
import { UsageError } from '../errors.ts'

/** The content of the encrypted file. Without recipients it is encrypted with a passphrase. */
export interface Contents {
  readonly recipients: readonly string[]
  readonly secrets: ReadonlyMap<string, string>
}

const NAME = /^[A-Za-z_][\w.-]*$/
const QUOTE = "put the value in quotes (inside single quotes, write ' twice)"
const library = () => import('yaml')

/** Throws UsageError unless `name` is a valid name of a secret. The error does not show it: it may be a value. */
export const checkName = (name: string): void => {
  if (!NAME.test(name))
    throw new UsageError('the given text is not a valid name of a secret', {
      hint: 'use letters, digits, _ . and -, beginning with a letter or _',
    })
}

/** The text of a new, empty file. */
export const emptyDocument = (recipients: readonly string[]): string =>
  [
    '# The secrets of the inventory beside this file: it says `password: !secret NAME`.',
    '# fmc encrypts this text when it saves it.',
    ...(recipients.length > 0 ? ['recipients:', ...recipients.map(r => `  - ${r}`)] : []),
    'secrets: {}\n',
  ].join('\n')

/** Parses the text, which is secret: errors never quote it and name only place and key. */
class Reader {
  readonly doc: Document
  readonly #lines: LineCounter
  readonly #file: string
  readonly #yaml: Awaited<ReturnType<typeof library>>
  constructor(yaml: Awaited<ReturnType<typeof library>>, text: string, file: string) {
    this.#yaml = yaml
    this.#file = file
    this.#lines = new yaml.LineCounter()
    this.doc = yaml.parseDocument(text, {
      lineCounter: this.#lines,
      prettyErrors: false,
      // By default the library prints warnings, which quote the text; `silent` would hide errors too.
      logLevel: 'error',
      // Everything is text: 0123 and `yes` stay as they are.
      schema: 'failsafe',
      uniqueKeys: false,
    })
    const problem = this.doc.errors[0] ?? this.doc.warnings[0]
    if (problem) throw this.#fault(problem.pos[0], `is not valid YAML (${problem.code})`, QUOTE)
  }

  #fault(offset: number | undefined, what: string, hint?: string): UsageError {
    const { line, col } = this.#lines.linePos(offset ?? 0)
    return new UsageError(`${this.#file}:${line}:${col}: ${what}`, { hint })
  }

  fault(node: unknown, what: string, hint?: string): UsageError {
    return this.#fault((node as Node | null)?.range?.[0], what, hint)
  }

  /**
   * Keys and values of a map; throws if a key appears twice. An error names a key only if `shown` allows it: it may be a
   * part of a secret.
   */
  entries(
    map: YAMLMap,
    shown: (key: string) => boolean,
  ): [key: string, value: unknown, pair: Pair][] {
    const seen = new Map<string, number>()
    return map.items.map(pair => {
      const key: unknown = this.#yaml.isScalar(pair.key) ? pair.key.value : undefined
      if (typeof key !== 'string') throw this.fault(pair.key, 'expected a name')
      const earlier = seen.get(key)
      if (earlier !== undefined) {
        const { line } = this.#lines.linePos(earlier)
        throw this.fault(
          pair.key,
          `${shown(key) ? key : 'this key'} appears twice; the first is on line ${line}`,
        )
      }
      seen.set(key, (pair.key as Node).range?.[0] ?? 0)
      return [key, pair.value, pair]
    })
  }

  map(node: unknown, what: string): YAMLMap {
    if (!this.#yaml.isMap(node)) throw this.fault(node, `${what}: expected a map`)
    return node
  }

  list(node: unknown, what: string): readonly unknown[] {
    if (!this.#yaml.isSeq(node)) throw this.fault(node, `${what}: expected a list`)
    return node.items
  }

  /** A text; throws if YAML would silently read something other than the typed text. */
  text(node: unknown, what: string): string {
    if (!this.#yaml.isScalar(node)) throw this.fault(node, `${what}: expected text`, QUOTE)
    const { type, anchor, tag, comment, value }: Scalar = node
    if (anchor !== undefined || (tag !== undefined && tag !== 'tag:yaml.org,2002:str'))
      throw this.fault(node, `${what}: begins with a character that YAML removes`, QUOTE)
    if (type === 'PLAIN' && typeof comment === 'string')
      throw this.fault(node, `${what}: YAML reads the text from # on as a comment`, QUOTE)
    if (typeof value !== 'string' || value === '')
      throw this.fault(node, `${what}: expected text, found none`)
    return value
  }
}

const contentsOf = (reader: Reader): Contents => {
  const top = reader.map(reader.doc.contents, 'the file')
  let recipients: string[] = []
  const secrets = new Map<string, string>()
  for (const [key, value, pair] of reader.entries(
    top,
    k => k === 'recipients' || k === 'secrets',
  )) {
    if (key === 'recipients')
      recipients = reader.list(value, key).map(node => reader.text(node, key))
    else if (key === 'secrets')
      for (const [name, node, { key: at }] of reader.entries(reader.map(value, key), k =>
        NAME.test(k),
      )) {
        if (!NAME.test(name)) throw reader.fault(at, 'this is not a valid name of a secret')
        secrets.set(name, reader.text(node, name))
      }
    else throw reader.fault(pair.key, 'unknown key', 'put secrets below `secrets:`, indented')
  }
  return { recipients, secrets }
}

/** Parses the decrypted text. Throws UsageError with file:line:column and no part of the text. */
export const parseContents = async (text: string, file: string): Promise<Contents> =>
  contentsOf(new Reader(await library(), text, file))

/** The text with one secret set; comments and order stay. */
export const withSecret = async (
  text: string,
  file: string,
  name: string,
  value: string,
): Promise<string> => {
  checkName(name)
  for (const type of ['BLOCK_LITERAL', 'QUOTE_DOUBLE'] as const) {
    if (type === 'BLOCK_LITERAL' && !value.includes('\n')) continue
    const changed = await edited(text, file, (doc, yaml) => {
      const scalar = new yaml.Scalar(value)
      scalar.type = type
      const map = doc.get('secrets')
      if (yaml.isMap(map)) map.flow = false
      doc.setIn(['secrets', name], scalar)
    })
    const back = await parseContents(changed, file).catch(() => undefined)
    if (back?.secrets.get(name) === value) return changed
  }
  throw new UsageError(`the value of ${name} cannot be stored as text`, {
    hint: 'encode it, such as with base64',
  })
}

/** The text with other recipients; none for a passphrase. */
export const withRecipients = (
  text: string,
  file: string,
  recipients: readonly string[],
): Promise<string> =>
  edited(text, file, doc => {
    if (recipients.length === 0) doc.delete('recipients')
    else doc.set('recipients', doc.createNode(recipients))
  })

const edited = async (
  text: string,
  file: string,
  change: (doc: Document, yaml: Awaited<ReturnType<typeof library>>) => void,
): Promise<string> => {
  const yaml = await library()
  const { doc } = new Reader(yaml, text, file)
  change(doc, yaml)
  return doc.toString({ lineWidth: 0 })
}

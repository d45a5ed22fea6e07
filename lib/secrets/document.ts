import type { Document, LineCounter, Node, Pair, Scalar, YAMLMap } from 'yaml'
import { UsageError } from '../errors.ts'

/** What the encrypted file holds. No recipients: it is locked with a passphrase. */
export interface Contents {
  readonly recipients: readonly string[]
  readonly secrets: ReadonlyMap<string, string>
}

const NAME = /^[A-Za-z_][\w.-]*$/
const QUOTE = "put the value in quotes (inside single quotes, write ' twice)"
const library = () => import('yaml')

/** UsageError unless `name` can be a secret's name. */
export const checkName = (name: string): void => {
  if (!NAME.test(name))
    throw new UsageError('what was given cannot be the name of a secret', {
      hint: 'letters, digits, _ . and -, beginning with a letter or _',
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

/** Parsed without ever quoting the text: an error names place and key only, since the text is secret. */
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
      // The library prints its warnings, which quote the text; `silent` would hide errors, too.
      logLevel: 'error',
      // Everything is text: 0123 and `yes` stay what they are.
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

  /** Keys and values of a map; each key once. A key that is not `shown` may be a piece of a secret. */
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
          `${shown(key) ? key : 'this key'} is there twice; the first is on line ${line}`,
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

  /** A text; refuses what YAML would silently take for something else than the text that was typed. */
  text(node: unknown, what: string): string {
    if (!this.#yaml.isScalar(node)) throw this.fault(node, `${what}: expected text`, QUOTE)
    const { type, anchor, tag, comment, value }: Scalar = node
    if (anchor !== undefined || (tag !== undefined && tag !== 'tag:yaml.org,2002:str'))
      throw this.fault(node, `${what}: begins with a character that YAML takes away`, QUOTE)
    if (type === 'PLAIN' && typeof comment === 'string')
      throw this.fault(node, `${what}: the text from # on would be a comment`, QUOTE)
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
        if (!NAME.test(name)) throw reader.fault(at, 'this cannot be the name of a secret')
        secrets.set(name, reader.text(node, name))
      }
    else throw reader.fault(pair.key, 'unknown key', 'a secret goes below `secrets:`, indented')
  }
  return { recipients, secrets }
}

/** Reads the decrypted text. UsageError with file:line:column, and never a piece of the text. */
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
  throw new UsageError(`the value of ${name} cannot be kept as text`, {
    hint: 'encode it (base64)',
  })
}

/** The text with other recipients; none at all for a passphrase. */
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

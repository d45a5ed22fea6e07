import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  visit,
  type Document,
  type Node,
  type YAMLError,
} from 'yaml'
import { byPlace, type Finding, type Path, type Position, type Problem } from './problem.ts'
import type { RawValue } from './raw.ts'
import { SecretRef } from './secret-ref.ts'

/** Aliases may not blow a small file up to more than this many values. */
const MAX_VALUES = 200_000
const SECRET_TAG = '!secret'

/** A YAML text as plain data, with a way back from data to text. */
export interface Source {
  readonly data: RawValue
  /** What is wrong with the YAML itself. Not empty: `data` may be incomplete. */
  readonly problems: readonly Problem[]
  /** Place of a value, or with `key` of the last key; of the nearest thing that exists when the path does not. */
  at(path: Path, key?: boolean): Position
  problem(finding: Finding): Problem
}

/** Reads YAML 1.2 text with the tag `!secret name`. Never throws for bad text: see `problems`. */
export function parseSource(text: string, file: string): Source {
  const lines = new LineCounter()
  const place = (offset: number): Position => {
    const { line, col } = lines.linePos(offset)
    return { line: Math.max(1, line), column: Math.max(1, col) }
  }
  const problems: Problem[] = []
  const report = (offset: number, message: string, hint?: string): void => {
    problems.push({ severity: 'error', file, ...place(offset), message, hint })
  }
  const at = (document: Document | undefined, path: Path, key: boolean): Position =>
    place(document === undefined ? 0 : findOffset(document, path, key))

  const document = parse(text, lines, report)
  const data = document === undefined ? null : new Plain(document, file, place, report).value()
  problems.sort(byPlace)
  return {
    data,
    problems,
    at: (path, key = false) => at(document, path, key),
    problem: ({ severity, path, key, message, hint }) =>
      path[0] === '-e'
        ? { severity, file: '-e', line: 0, column: 0, message, hint }
        : { severity, file, ...at(document, path, key ?? false), message, hint },
  }
}

type Report = (offset: number, message: string, hint?: string) => void

function parse(text: string, lines: LineCounter, report: Report): Document | undefined {
  try {
    const document = parseDocument(text, {
      lineCounter: lines,
      prettyErrors: false,
      customTags: [{ tag: SECRET_TAG, resolve: (value: string) => value }],
    })
    for (const error of [...document.errors, ...document.warnings])
      report(error.pos[0], ...explain(error))
    return document
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    report(0, 'the YAML is nested too deeply')
    return undefined
  }
}

function explain({ code, message }: YAMLError): [message: string, hint?: string] {
  const first = message.split('\n')[0] ?? message
  switch (code) {
    case 'TAB_AS_INDENT':
      return ['a tab indents this line', 'YAML is indented with spaces only']
    case 'DUPLICATE_KEY':
      return ['this name is there twice', 'rename one, or join the two']
    case 'MULTIPLE_DOCS':
      return ['a second document (---) starts here', 'an inventory is one document']
    case 'TAG_RESOLVE_FAILED':
      return [`unknown tag: ${first}`, `the only tag is ${SECRET_TAG}`]
    default:
      return [`bad YAML: ${first}`]
  }
}

/** The plain data of a document. Reports what an inventory may not use. */
class Plain {
  readonly #document: Document
  readonly #file: string
  readonly #place: (offset: number) => Position
  readonly #report: Report
  readonly #open = new Set<Node>()
  readonly #anchors = new Map<string, Node>()
  #left = MAX_VALUES

  constructor(
    document: Document,
    file: string,
    place: (offset: number) => Position,
    report: Report,
  ) {
    this.#document = document
    this.#file = file
    this.#place = place
    this.#report = report
  }

  value(): RawValue {
    this.#readAnchors()
    try {
      return this.#plain(this.#document.contents)
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      this.#report(0, 'the YAML is nested too deeply')
      return null
    }
  }

  #readAnchors(): void {
    visit(this.#document, {
      Node: (_, node) => {
        if (isAlias(node) || node.anchor === undefined) return
        if (this.#anchors.has(node.anchor))
          this.#report(offsetOf(node), `the anchor &${node.anchor} is there twice`, 'rename one')
        this.#anchors.set(node.anchor, node)
      },
    })
  }

  #plain(node: unknown): RawValue {
    if (this.#left-- === 0)
      this.#report(
        offsetOf(node),
        `the file holds more than ${MAX_VALUES} values, aliases counted at every use`,
      )
    if (this.#left < 0) return null
    if (isAlias(node)) return this.#alias(node.source, offsetOf(node))
    if (isScalar(node)) return this.#scalar(node.value, node.tag, offsetOf(node))
    if (isSeq(node)) return node.items.map(item => this.#plain(item))
    if (!isMap(node)) return null
    const map: Record<string, RawValue> = {}
    for (const { key, value } of node.items) {
      const name = this.#key(key)
      if (name !== undefined) map[name] = this.#plain(value)
    }
    return map
  }

  #alias(anchor: string, offset: number): RawValue {
    const target = this.#anchors.get(anchor)
    if (target === undefined || this.#open.has(target)) {
      if (target !== undefined) this.#report(offset, `*${anchor} contains itself`)
      return null
    }
    this.#open.add(target)
    const value = this.#plain(target)
    this.#open.delete(target)
    return value
  }

  #scalar(value: unknown, tag: string | undefined, offset: number): RawValue {
    if (tag === SECRET_TAG) {
      const name = String(value)
      if (!/^[\w.-]+$/.test(name))
        this.#report(
          offset,
          `${SECRET_TAG} needs a name of letters, digits, "_", "-" and "."`,
          `write ${SECRET_TAG} postgresql_password`,
        )
      const { line, column } = this.#place(offset)
      return new SecretRef(name, this.#file, line, column)
    }
    if (typeof value === 'number' && !Number.isFinite(value))
      this.#report(offset, 'not a finite number')
    return value === undefined ? null : (value as RawValue)
  }

  #key(key: unknown): string | undefined {
    const value = isScalar(key) ? key.value : undefined
    if (value === '<<' || value === '__proto__') {
      this.#report(
        offsetOf(key),
        `the key ${value} is not allowed`,
        value === '<<' ? 'share values through the vars of a group' : undefined,
      )
      return undefined
    }
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
      return String(value)
    this.#report(offsetOf(key), 'a key must be a plain text')
    return undefined
  }
}

const offsetOf = (node: unknown): number =>
  (isAlias(node) || isScalar(node) || isMap(node) || isSeq(node) ? node.range?.[0] : undefined) ?? 0

function findOffset(document: Document, path: Path, key: boolean): number {
  let node: unknown = document.contents
  let offset = offsetOf(node)
  for (const [index, step] of path.entries()) {
    if (isAlias(node)) node = node.resolve(document)
    if (isSeq(node) && typeof step === 'number') node = node.items[step]
    else if (isMap(node)) {
      const pair = node.items.find(({ key: k }) => isScalar(k) && String(k.value) === String(step))
      if (pair === undefined) return offset
      if (key && index === path.length - 1) return offsetOf(pair.key)
      offset = offsetOf(pair.key)
      node = pair.value
      if (isMap(node) || (isSeq(node) && node.flow !== true)) continue
    } else return offset
    const found = offsetOf(node)
    if (found > 0) offset = found
  }
  return offset
}

import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  type Document,
  type Pair,
  type YAMLError,
  type YAMLMap,
} from 'yaml'
import { tooMuch } from './measure.ts'
import { offsetOf, Plain, SECRET_TAG, type Report } from './plain.ts'
import { byPlace, type UnplacedProblem, type Path, type Position, type Problem } from './problem.ts'
import type { RawValue } from './raw.ts'

/** A YAML text as plain data that knows the place of each value in the text. */
export interface Source {
  readonly data: RawValue
  /** Problems of the YAML itself. If there are any, `data` may be incomplete. */
  readonly problems: readonly Problem[]
  /** The place of a value, or with `key` of the path's last key. If the path does not exist: of its longest existing part. */
  at(path: Path, key?: boolean): Position
  /** Adds the place in the text to a problem. */
  problem(finding: UnplacedProblem): Problem
}

/** Parses YAML 1.2 with the tag `!secret name`. Never throws for bad text: see `problems`. */
export function parseSource(text: string, file: string): Source {
  const lines = new LineCounter()
  const place = (offset: number): Position => {
    const { line, col } = lines.linePos(offset)
    return { line: Math.max(1, line), column: Math.max(1, col) }
  }
  const problems: Problem[] = []
  const reported = new Set<string>()
  const report = (offset: number, message: string, hint?: string): void => {
    // A value is read again at every alias.
    if (reported.size === reported.add(`${offset} ${message}`).size) return
    problems.push({ severity: 'error', rule: 'yaml', file, ...place(offset), message, hint })
  }
  const document = parse(text, lines, report)
  const pairs = new PairIndex()
  const at = (path: Path, key: boolean): Position =>
    place(document === undefined ? 0 : findOffset(document, path, key, pairs))
  const data =
    document === undefined ? null : new Plain(document, text, file, place, report).value()
  problems.sort(byPlace)
  return {
    data,
    problems,
    at: (path, key = false) => at(path, key),
    problem: ({ severity, rule, path, key, message, hint, other }) =>
      path[0] === '-e'
        ? { severity, rule, file: '-e', line: 0, column: 0, message, hint }
        : {
            severity,
            rule,
            file,
            ...at(path, key ?? false),
            message,
            hint,
            ...(other && {
              related: { file, ...at(other.path, other.key ?? false), message: other.message },
            }),
          },
  }
}

function parse(text: string, lines: LineCounter, report: Report): Document | undefined {
  const limit = tooMuch(text)
  if (limit !== undefined) {
    // The parser, which does not run, would have counted the lines.
    for (let at = 0; at >= 0; at = text.indexOf('\n', at) + 1 || -1) lines.addNewLine(at)
    report(limit.offset, limit.message)
    return undefined
  }
  try {
    const document = parseDocument(text, {
      lineCounter: lines,
      prettyErrors: false,
      // The library compares every key with all before it; plain.ts does it in one step.
      uniqueKeys: false,
      // By default the library prints warnings, which quote the text; `silent` would hide errors too.
      logLevel: 'error',
      // !!binary and !!timestamp would make objects, which variables cannot be.
      resolveKnownTags: false,
      customTags: [{ tag: SECRET_TAG, resolve: (value: string) => value }],
    })
    // Of the parser's errors of one kind in one line only the first says something.
    const reported = new Set<string>()
    for (const error of [...document.errors, ...document.warnings]) {
      const kind = `${error.code} ${lines.linePos(error.pos[0]).line}`
      if (!reported.has(kind)) report(error.pos[0], ...explain(error))
      reported.add(kind)
    }
    return document
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    report(0, 'the YAML is nested too deeply')
    return undefined
  }
}

const QUOTES = 'put a text with special YAML characters into quotes'

/** Messages instead of the parser's own, which quote the text and with it perhaps a password. */
const WORDS: Readonly<
  Partial<Record<YAMLError['code'], readonly [message: string, hint?: string]>>
> = {
  TAB_AS_INDENT: ['a tab indents this line', 'YAML is indented with spaces only'],
  MULTIPLE_DOCS: ['a second document (---) starts here', 'an inventory is one document'],
  TAG_RESOLVE_FAILED: ['unknown tag', `the only tag is ${SECRET_TAG}; ${QUOTES}`],
  BAD_ALIAS: ['bad YAML: an alias without a name', QUOTES],
  BAD_DQ_ESCAPE: ['bad YAML: an unknown escape', 'in single quotes a backslash is text'],
  BAD_INDENT: [
    'bad YAML: this line is not indented like its neighbours, or its brackets do not match',
  ],
  BAD_SCALAR_START: ['bad YAML: a text cannot begin with this character', QUOTES],
  BLOCK_AS_IMPLICIT_KEY: ['bad YAML: a second "name: " in one line', QUOTES],
  MISSING_CHAR: ['bad YAML: a bracket, quote, comma or colon is missing'],
  MULTILINE_IMPLICIT_KEY: ['bad YAML: a name must be on one line; is a colon missing?'],
  UNEXPECTED_TOKEN: ['bad YAML: this does not belong here', QUOTES],
}

const explain = ({ code }: YAMLError): readonly [message: string, hint?: string] =>
  WORDS[code] ?? [`bad YAML: ${code.toLowerCase().replaceAll('_', ' ')}`]

/** `key:` without a value: errors then show the place of the key. */
const isEmpty = (node: unknown): boolean =>
  node === undefined || node === null || (isScalar(node) && node.range?.[0] === node.range?.[1])

/** The pairs of each map by name, so that a problem on each of many hosts is found in one step. */
class PairIndex {
  readonly #known = new WeakMap<YAMLMap, ReadonlyMap<string, Pair>>()

  find(map: YAMLMap, name: string): Pair | undefined {
    let pairs = this.#known.get(map)
    if (pairs === undefined) {
      // Of two pairs with one name the first counts, as for the report of duplicates.
      pairs = new Map(
        map.items
          .flatMap((pair): [string, Pair][] =>
            isScalar(pair.key) ? [[String(pair.key.value), pair]] : [],
          )
          .toReversed(),
      )
      this.#known.set(map, pairs)
    }
    return pairs.get(name)
  }
}

function findOffset(document: Document, path: Path, key: boolean, pairs: PairIndex): number {
  let node: unknown = document.contents
  let offset = offsetOf(node)
  for (const [index, step] of path.entries()) {
    if (isAlias(node)) node = node.resolve(document)
    if (isSeq(node) && typeof step === 'number') node = node.items[step]
    else if (isMap(node)) {
      const pair = pairs.find(node, String(step))
      if (pair === undefined) return offset
      if (key && index === path.length - 1) return offsetOf(pair.key)
      offset = offsetOf(pair.key)
      node = pair.value
      if (isMap(node) || (isSeq(node) && node.flow !== true)) continue
    } else return offset
    if (!isEmpty(node)) offset = offsetOf(node)
  }
  return offset
}

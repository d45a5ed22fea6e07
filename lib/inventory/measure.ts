import { Lexer } from 'yaml'

/** Most values, aliases counted at every use: aliases can make a small file enormous. */
export const MAX_VALUES = 200_000

/** Deepest nesting of `[` and `{`; the parser calls itself at every level. */
const MAX_DEPTH = 200

/** How the lexer of the library announces a scalar: it yields this token before the text. */
const SCALAR = '\u001f'

/** What makes a text too much for the parser, and where. */
export interface TooMuch {
  readonly offset: number
  readonly message: string
}

/** The message for a file with more than MAX_VALUES values. */
export const TOO_MANY = `the file has more than ${MAX_VALUES} values, aliases counted at every use`

/**
 * Counts before anything is parsed: the lexer needs a fifth of the parser's time and no memory. Undefined: parse it. A key is a
 * scalar too, so twice MAX_VALUES scalars are more than MAX_VALUES values.
 */
export function tooMuch(text: string): TooMuch | undefined {
  let [offset, depth, scalars] = [0, 0, 0]
  for (const token of new Lexer().lex(text)) {
    if (token === SCALAR) {
      if (++scalars > 2 * MAX_VALUES) return { offset, message: TOO_MANY }
    } else if (token === '[' || token === '{') {
      if (++depth > MAX_DEPTH) return { offset, message: 'the YAML is nested too deeply' }
    } else if (token === ']' || token === '}') depth--
    if (!MARKS.has(token)) offset += token.length
  }
  return undefined
}

/** Tokens of the lexer that stand for nothing in the text: start of a document, end of a flow collection, scalar. */
const MARKS: ReadonlySet<string> = new Set(['\u0002', '\u0018', SCALAR])

/** The value of a Python literal: tuples and sets are lists. */
export type Literal = string | number | boolean | null | Literal[] | { [key: string]: Literal }

/**
 * Reads a Python literal, as Ansible reads the values of an INI inventory (ast.literal_eval). Undefined when it is not
 * one: Ansible then takes the text as it is. Whole numbers that JavaScript cannot hold exactly stay text.
 */
export function pythonLiteral(text: string): Literal | undefined {
  const reader = new Reader(text)
  try {
    const value = reader.value()
    return reader.atEnd() ? value : undefined
  } catch (error) {
    if (error instanceof NoLiteral || error instanceof RangeError) return undefined
    throw error
  }
}

class NoLiteral extends Error {}

const WORDS = new Map<string, Literal>(Object.entries({ True: true, False: false, None: null }))
const NUMBER =
  /[+-]?(?:0x[\da-f_]+|0o[0-7_]+|0b[01_]+|(?:\d[\d_]*(?:\.[\d_]*)?|\.\d[\d_]*)(?:e[+-]?\d+)?)(?![\w.])/iy
const STRING = /u?('''[\s\S]*?'''|"""[\s\S]*?"""|'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")/iy
const ESCAPES: Readonly<Record<string, string>> = {
  ...{ n: '\n', t: '\t', r: '\r', a: '\x07', b: '\b', f: '\f', v: '\v', '0': '\0' },
  ...{ '\\': '\\', "'": "'", '"': '"' },
}

class Reader {
  readonly #text: string
  #at = 0
  constructor(text: string) {
    this.#text = text
  }

  value(): Literal {
    const opening = this.#match(/[[({]/y)
    if (opening === '[') return this.#list(']').items
    if (opening === '(') return this.#tuple()
    if (opening === '{') return this.#map()
    return this.#scalar()
  }

  atEnd(): boolean {
    return this.#match(/$/y) !== undefined
  }

  /** The next token, after skipping blanks and comments. */
  #match(pattern: RegExp): string | undefined {
    const blanks = /(?:\s|#.*)*/y
    blanks.lastIndex = this.#at
    blanks.exec(this.#text)
    pattern.lastIndex = blanks.lastIndex
    const found = pattern.exec(this.#text)
    if (found === null) return undefined
    this.#at = pattern.lastIndex
    return found[0]
  }

  #list(end: ']' | ')' | '}', first: Literal[] = []): { items: Literal[]; comma: boolean } {
    const items = first
    const closing = end === ']' ? /\]/y : end === ')' ? /\)/y : /\}/y
    let comma = first.length === 0 || this.#match(/,/y) !== undefined
    while (this.#match(closing) === undefined) {
      if (!comma) throw new NoLiteral()
      items.push(this.value())
      comma = this.#match(/,/y) !== undefined
    }
    return { items, comma }
  }

  /** `(1)` is 1, `(1,)` a tuple. */
  #tuple(): Literal {
    const { items, comma } = this.#list(')')
    return items.length === 1 && !comma ? (items[0] ?? null) : items
  }

  #map(): Literal {
    if (this.#match(/\}/y) !== undefined) return {}
    const first = this.value()
    if (this.#match(/:/y) === undefined) return this.#list('}', [first]).items
    const map: [string, Literal][] = [[keyText(first), this.value()]]
    while (this.#match(/\}/y) === undefined) {
      if (this.#match(/,/y) === undefined) throw new NoLiteral()
      if (this.#match(/\}/y) !== undefined) break
      const key = this.value()
      if (this.#match(/:/y) === undefined) throw new NoLiteral()
      map.push([keyText(key), this.value()])
    }
    return Object.fromEntries(map)
  }

  #scalar(): Literal {
    const text = this.#match(STRING)
    if (text !== undefined) return this.#string(text)
    const number = this.#match(NUMBER)
    if (number !== undefined) return toNumber(number)
    const word = WORDS.get(this.#match(/[A-Za-z]+/y) ?? '')
    if (word === undefined) throw new NoLiteral()
    return word
  }

  /** Adjacent strings are joined. */
  #string(first: string): string {
    let text = unquote(first)
    for (let next = this.#match(STRING); next !== undefined; next = this.#match(STRING))
      text += unquote(next)
    return text
  }
}

const keyText = (key: Literal): string =>
  typeof key === 'object' ? JSON.stringify(key) : String(key)

function unquote(text: string): string {
  const body = text.replace(/^u/i, '')
  const quote = /^('''|""")/.test(body) ? 3 : 1
  return body
    .slice(quote, -quote)
    .replace(
      /\\(?:x([\da-f]{2})|u([\da-f]{4})|([\s\S]))/gi,
      (all, x: string | undefined, u: string | undefined, one: string | undefined) =>
        one === undefined
          ? String.fromCodePoint(parseInt(x ?? u ?? '', 16))
          : one === '\n'
            ? ''
            : (ESCAPES[one] ?? all),
    )
}

function toNumber(text: string): Literal {
  const digits = text.replaceAll('_', '')
  if (/__|_$|_\.|\._/.test(text)) throw new NoLiteral()
  if (/^[+-]?0\d*[1-9]\d*$/.test(digits)) throw new NoLiteral()
  const [, sign = '', size = ''] = /^([+-]?)(.*)$/.exec(digits) ?? []
  const value = Number(size) * (sign === '-' ? -1 : 1)
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) throw new NoLiteral()
  return value
}

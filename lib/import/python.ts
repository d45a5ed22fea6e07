import { UsageError } from '../errors.ts'
import { Kept, type Place } from './model.ts'
import { exactFloat, exactInteger, floatText } from './numbers.ts'
import { NoLiteral, STRING, stringLiteral } from './python-strings.ts'

/** The value of a Python literal: tuples and sets are lists. */
export type Literal =
  string | number | boolean | null | Kept | Literal[] | { [key: string]: Literal }

/** The value of `key=value` in an INI inventory: a Python literal, else the text (plugins/inventory/ini.py). */
export function iniValue(
  text: string,
  place: Place,
): { value: Literal; note?: string | undefined } {
  const reader = new Reader(text, place)
  try {
    const value = reader.expression()
    return { value, note: reader.note }
  } catch (error) {
    if (!(error instanceof NoLiteral)) throw error
    const note = /\\N\{/.test(text)
      ? 'a name of a character (\\N{…}), which only Python knows'
      : undefined
    return { value: text, note }
  }
}

/** Reads a Python literal (ast.literal_eval). Undefined when it is not one: Ansible then takes the text as it is. */
export function pythonLiteral(text: string): Literal | undefined {
  try {
    return new Reader(text, { file: '', line: 1 }).expression()
  } catch (error) {
    if (error instanceof NoLiteral) return undefined
    throw error
  }
}

/** Python's parser allows this many open brackets. */
const DEEPEST = 200
const WORDS = new Map<string, Literal>(Object.entries({ True: true, False: false, None: null }))
const NUMBER =
  /(?:0x(?:_?[\da-f])+|0o(?:_?[0-7])+|0b(?:_?[01])+|(?:\d(?:_?\d)*(?:\.(?:\d(?:_?\d)*)?)?|\.\d(?:_?\d)*)(?:e[+-]?\d(?:_?\d)*)?j?)(?![\w.]|[^\s!-~])/iy

/** A number before it becomes JavaScript's: a whole one, a float, or a complex one, which Ansible takes as text. */
type PythonNumber =
  | { readonly kind: 'whole'; readonly value: bigint }
  | { readonly kind: 'float'; readonly value: number }
  | { readonly kind: 'complex'; readonly real: number; readonly value: number }

class Reader {
  readonly #text: string
  readonly #place: Place
  #at = 0
  #depth = 0
  note: string | undefined

  constructor(text: string, place: Place) {
    this.#text = text.replace(/^[ \t]+/, '')
    this.#place = place
  }

  /** The whole text: one value, or a tuple without brackets. */
  expression(): Literal {
    if (this.#text.includes('\0')) throw new NoLiteral()
    const first = this.#value()
    const items = [first]
    let comma = false
    while (this.#match(/,/y) !== undefined) {
      comma = true
      if (this.#atEnd()) break
      items.push(this.#value())
    }
    if (!this.#atEnd()) throw new NoLiteral()
    return comma ? items : first
  }

  #atEnd(): boolean {
    return this.#match(/$/y) !== undefined
  }

  /** The next token, after skipping blanks and comments. */
  #match(pattern: RegExp): string | undefined {
    const blanks = /(?:[ \t\f\r\n]|#.*)*/y
    blanks.lastIndex = this.#at
    blanks.exec(this.#text)
    pattern.lastIndex = blanks.lastIndex
    const found = pattern.exec(this.#text)
    if (found === null) return undefined
    this.#at = pattern.lastIndex
    return found[0]
  }

  #value(): Literal {
    const number = this.#sum()
    if (number !== undefined) return toLiteral(number)
    const opening = this.#match(/[[({]/y)
    if (opening === undefined) return this.#scalar()
    if (++this.#depth > DEEPEST) throw new NoLiteral()
    const value =
      opening === '[' ? this.#list(']').items : opening === '(' ? this.#tuple() : this.#map()
    this.#depth--
    return value
  }

  /** A number with its sign; `1+2j`. Undefined, and nothing is read, where there is none. */
  #sum(): PythonNumber | undefined {
    const start = this.#at
    const left = this.#signed()
    if (left === undefined) {
      this.#at = start
      return undefined
    }
    const operator = this.#match(/[+-]/y)
    if (operator === undefined) return left
    const right = this.#number()
    if (right?.kind !== 'complex' || left.kind === 'complex') throw new NoLiteral()
    return {
      kind: 'complex',
      real: Number(left.value),
      value: operator === '-' ? -right.value : right.value,
    }
  }

  #signed(): PythonNumber | undefined {
    const sign = this.#match(/[+-]/y)
    const number = this.#number()
    if (number === undefined || sign !== '-') return number
    if (number.kind === 'whole') return { ...number, value: -number.value }
    if (number.kind === 'float') return { ...number, value: -number.value }
    return { ...number, real: -number.real, value: -number.value }
  }

  /** A number without a sign, also in parentheses. Undefined where there is none; then what was read is read again. */
  #number(): PythonNumber | undefined {
    const start = this.#at
    let open = 0
    while (open < DEEPEST && this.#match(/\(/y) !== undefined) open++
    const text = this.#match(NUMBER)
    for (let close = 0; close < open; close++)
      if (text === undefined || this.#match(/\)/y) === undefined) {
        this.#at = start
        return undefined
      }
    return text === undefined ? undefined : toNumber(text.replaceAll('_', ''))
  }

  #list(end: ']' | ')' | '}', first: Literal[] = []): { items: Literal[]; comma: boolean } {
    const items = first
    const closing = end === ']' ? /\]/y : end === ')' ? /\)/y : /\}/y
    let comma = first.length === 0 || this.#match(/,/y) !== undefined
    while (this.#match(closing) === undefined) {
      if (!comma) throw new NoLiteral()
      items.push(this.#value())
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
    const first = this.#value()
    if (this.#match(/:/y) === undefined) return this.#set(first)
    const map: [string, Literal][] = [[this.#key(first), this.#value()]]
    while (this.#match(/\}/y) === undefined) {
      if (this.#match(/,/y) === undefined) throw new NoLiteral()
      if (this.#match(/\}/y) !== undefined) break
      const key = this.#value()
      if (this.#match(/:/y) === undefined) throw new NoLiteral()
      map.push([this.#key(key), this.#value()])
    }
    return Object.fromEntries(map)
  }

  #set(first: Literal): Literal {
    const items = this.#list('}', [first]).items
    for (const item of items) this.#key(item)
    this.note = 'a set became a list; in Ansible its order changes from run to run'
    return [...new Map(items.map(item => [JSON.stringify(item), item])).values()]
  }

  #key(key: Literal): string {
    if (key instanceof Kept) return key.text
    if (typeof key === 'object' && key !== null)
      throw new UsageError(
        `${this.#place.file}:${this.#place.line}: a list or a map as a key or in a set, which Ansible refuses`,
      )
    return String(key)
  }

  #scalar(): Literal {
    const text = this.#match(STRING)
    if (text !== undefined) return this.#strings(text)
    if (this.#match(/\.\.\./y) !== undefined) return '...'
    if (this.#match(/set[ \t\f]*\([ \t\f]*\)/y) !== undefined) return []
    const word = WORDS.get(this.#match(/[A-Za-z]+(?![\w])/y) ?? '')
    if (word === undefined) throw new NoLiteral()
    return word
  }

  /** Adjacent strings are joined; text and bytes do not mix. */
  #strings(first: string): string {
    const parts = [stringLiteral(first)]
    for (let next = this.#match(STRING); next !== undefined; next = this.#match(STRING))
      parts.push(stringLiteral(next))
    if (parts.some(({ bytes }) => bytes !== parts[0]?.bytes)) throw new NoLiteral()
    return parts.map(({ text }) => text).join('')
  }
}

function toNumber(digits: string): PythonNumber {
  if (/^0[xob]/i.test(digits)) return { kind: 'whole', value: BigInt(digits) }
  if (/j$/i.test(digits)) return { kind: 'complex', real: 0, value: Number(digits.slice(0, -1)) }
  if (!/^\d+$/.test(digits)) return { kind: 'float', value: Number(digits) }
  // Python refuses 017, and numbers of more than 4,300 digits.
  if (/^0\d*[1-9]/.test(digits) || digits.length > 4300) throw new NoLiteral()
  return { kind: 'whole', value: BigInt(digits) }
}

function toLiteral(number: PythonNumber): Literal {
  if (number.kind === 'whole') return exactInteger(number.value)
  if (number.kind === 'float') return exactFloat(number.value)
  const { real, value } = number
  const part = (n: number): string => floatText(n).replace(/\.0$/, '')
  if (Object.is(real, 0)) return `${part(value)}j`
  return `(${part(real)}${/^-/.test(part(value)) ? '' : '+'}${part(value)}j)`
}

import fc from 'fast-check'

/** What has broken parsers before: ends of records, controls, bidi marks, lone surrogates, huge numbers, names of prototypes, depth. */
export const TOKENS: readonly string[] = [
  ...['\0', '\x01', '\x1b[2J', '\x1b]52;c;QQ==\x07', '\x7f', '\u0085', '\u009b', '\u2028'],
  ...['\u202e', '\u2066', '\u200b', '\ufeff', '\ud800', '\udc00', 'é', '😀', 'İ', '٣', 'ß'],
  ...['\n', '\n\n', '\r\n', '\r', '\t', ' ', '  ', '\x1e', '\x1d', '\f', '\u00a0'],
  ...['"', "'", '`', '\\', '\\\\', '$(', '${', '%', '%zz', '%E0%A4%A', '%00', '&', '&amp;'],
  ...['&#1114112;', '&#x110000;', '&#99999999999;', '&#xD800;', '<![CDATA[', ']]>', '<!--', '-->'],
  ...['<', '>', '/>', '</a>', '<a>', '<a b="', '=', ':', ': ', ';', ',', '|', '-', '#', ' # ', '!'],
  ...['/', '../', '//', '*', '*'.repeat(12), '?', '~', '@', '&a ', '*a', '!secret ', '!!binary '],
  ...['{', '}', '[', ']', '(', ')', '{{', '{%', '[1:3]', '[1:99]', '[a:z]', '[0]', '[:]', '---\n'],
  ...['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'prototype', '<<: ', 'null'],
  ...['-1', '0', '00', '1e999', '-0', '4294967296', '99999999999999999999', 'NaN', 'Infinity'],
  ...['0x10', '1_0', '.5', '5.', '+5', 'true', 'yes', 'None', '2147483648', '9007199254740993'],
  ...['[', '(', '{"a":', '<a>', '- ', 'a: {'].map(s => s.repeat(300)),
  'a'.repeat(3000),
  '=?'.repeat(200),
]

const NUMBERS = ['-1', '0', '00', '1e9', '4294967296', '99999999999999999999', '1.5', '', '٣', '-']

/** A change to a text, as one number: its kind, its place, its content. Read digit by digit, so that small numbers are simple changes. */
class Dice {
  #left: number
  constructor(seed: number) {
    this.#left = seed
  }
  /** 0 … sides - 1. */
  roll(sides: number): number {
    if (sides <= 1) return 0
    const value = this.#left % sides
    this.#left = Math.floor(this.#left / sides)
    return value
  }
  pick<T>(list: readonly T[]): T | undefined {
    return list[this.roll(list.length)]
  }
}

type Change = (text: string, dice: Dice, others: readonly string[]) => string

const lineChange =
  (change: (lines: string[], at: number, dice: Dice) => void): Change =>
  (text, dice) => {
    const lines = text.split('\n')
    change(lines, dice.roll(lines.length), dice)
    return lines.join('\n')
  }

const CHANGES: readonly Change[] = [
  (t, d) => t.slice(0, d.roll(t.length + 1)),
  (t, d) => {
    const token = d.pick(TOKENS) ?? ''
    const at = d.roll(t.length + 1)
    return t.slice(0, at) + token + t.slice(at)
  },
  (t, d) => {
    const size = 1 + d.roll(4)
    const at = d.roll(t.length + 1)
    return t.slice(0, at) + t.slice(at + size)
  },
  (t, d) => {
    const bit = 1 << d.roll(8)
    const at = d.roll(t.length)
    return t.slice(0, at) + String.fromCharCode(t.charCodeAt(at) ^ bit) + t.slice(at + 1)
  },
  lineChange((lines, at) => lines.splice(at, 1)),
  lineChange((lines, at) => lines.splice(at, 0, lines[at] ?? '')),
  lineChange((lines, at, d) => {
    const other = d.roll(lines.length)
    ;[lines[at], lines[other]] = [lines[other] ?? '', lines[at] ?? '']
  }),
  lineChange((lines, at, d) => (lines[at] = d.pick(TOKENS) ?? '')),
  (t, d) => replaceNth(t, /\d+/g, d, NUMBERS),
  (t, d) => replaceNth(t, /[\w.-]+/g, d, TOKENS),
  (t, d, others) => {
    const other = d.pick(others) ?? ''
    return t.slice(0, d.roll(t.length + 1)) + other.slice(d.roll(other.length + 1))
  },
  (t, d) => t.slice(d.roll(t.length + 1)),
  (t, d) => {
    const from = d.roll(t.length + 1)
    const size = 1 + d.roll(40)
    return (
      t.slice(0, from) + t.slice(from, from + size).repeat(2 + d.roll(3)) + t.slice(from + size)
    )
  },
]

function replaceNth(text: string, pattern: RegExp, dice: Dice, by: readonly string[]): string {
  const found = [...text.matchAll(pattern)]
  const one = dice.pick(found)
  if (one === undefined) return text
  return text.slice(0, one.index) + (dice.pick(by) ?? '') + text.slice(one.index + one[0].length)
}

/** Longer texts prove nothing more and cost more. */
const LONGEST = 16_384

/** The text after one change. */
export function mutated(text: string, seed: number, others: readonly string[] = []): string {
  const dice = new Dice(seed)
  const kind = dice.roll(CHANGES.length)
  return (CHANGES[kind]?.(text, dice, others) ?? text).slice(0, LONGEST)
}

/** Changes to make one after another. Without any, the text stays as it is. */
export const changes = (most = 4): fc.Arbitrary<number[]> =>
  fc.array(fc.nat(Number.MAX_SAFE_INTEGER), { maxLength: most })

/** Texts like the samples, with up to four changes. */
export const mutants = (samples: readonly string[]): fc.Arbitrary<string> =>
  fc
    .tuple(fc.nat(samples.length - 1), changes())
    .map(([at, seeds]) => seeds.reduce((t, seed) => mutated(t, seed, samples), samples[at] ?? ''))

/** Short texts that are all trouble. */
export const nasty = (most = 6): fc.Arbitrary<string> =>
  fc
    .array(fc.oneof(fc.constantFrom(...TOKENS.filter(t => t.length < 40)), fc.string()), {
      maxLength: most,
    })
    .map(pieces => pieces.join(''))

/** A short word that a host may have as a name: mostly harmless. */
export const word: fc.Arbitrary<string> = fc.constantFrom(
  ...['a', 'n1', 'web', 'x-y', 'k3s', 'A_b', '0', 'é', 'toString', '__proto__', 'constructor'],
)

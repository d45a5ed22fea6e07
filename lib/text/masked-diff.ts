import { unifiedDiff } from './diff.ts'

/** A piece of a text: a secret is never shown. */
export interface Piece {
  readonly text: string
  readonly secret: boolean
}

const HIDDEN = '‹secret›'
const OLD = '‹old secret›'

interface Line {
  /** As it is in the file. */
  readonly real: string
  /** As it may be shown. */
  readonly shown: string
  /** What stands around its secrets; undefined: it has none. */
  readonly around?: readonly string[]
}

/** The lines of a text. A secret may contain line ends: they do not end a line here. */
function linesOf(pieces: readonly Piece[]): Line[] {
  const lines: Line[] = []
  let [real, around, has] = ['', [''], false]
  const end = (): void => {
    lines.push({ real, shown: around.join(HIDDEN), ...(has ? { around } : {}) })
    ;[real, around, has] = ['', [''], false]
  }
  for (const { text, secret } of pieces) {
    if (secret) {
      if (text === '') continue
      real += text
      around.push('')
      has = true
      continue
    }
    for (const [i, part] of text.split('\n').entries()) {
      if (i > 0) end()
      real += part
      around.push(`${around.pop() ?? ''}${part}`)
    }
  }
  end()
  return lines
}

/** What a line is about: "password" of `password = x`, of `PASSWORD x` and of `"password": "x"`. */
const keyOf = (line: string): string => /[\w.-]+/.exec(line)?.[0].toLowerCase() ?? ''

/** Words of a name or text that probably stand beside a secret. */
const SECRETIVE =
  /pass|pw|psk|token|secret|credential|community|key|auth|(?:\b|_)pin\b|AGE-SECRET|BEGIN|:\/\/[^/\s]*:\S*@/i
/** Looks like a random value: long, of one kind of characters, with a digit among letters. */
const RANDOM = /(?=[\w+/=-]*[A-Za-z])(?=[\w+/=-]*\d)[\w+/=-]{16,}/

/**
 * A unified diff of a file with secrets: `after` in pieces, `before` as it is on the host. It shows every line but the
 * secrets' values. The present file may contain secrets that fmc does not know, such as a rotated password: a line of it is
 * hidden if it looks like a line with a secret in the new text (the same text around it, or the same first word), if its
 * words sound like a secret or a value in it looks random, and if it stands where only secrets stand in the new text.
 */
export function maskedDiff(
  path: string,
  before: string | undefined,
  after: readonly Piece[],
): string {
  const next = linesOf(after)
  const secretLines = next.filter(line => line.around !== undefined)
  const shown = next.map(line => line.shown).join('\n')
  if (before === undefined) return unifiedDiff(path, undefined, shown)
  const known = new Set(next.filter(line => !line.around).map(line => line.real))
  const keys = new Set(secretLines.map(line => keyOf(line.shown)).filter(key => key !== ''))
  const bare = secretLines.some(isBare)
  // A secret of several lines that has not changed is hidden as a whole.
  let text = `\n${before}\n`
  for (const { real, shown: mask } of secretLines)
    text = text.replaceAll(`\n${real}\n`, () => `\n${mask}\n`)
  const masks = new Set(secretLines.map(line => line.shown))
  const hide = (line: string): string => {
    if (known.has(line) || masks.has(line)) return line
    const same = secretLines.find(one => !isBare(one) && fits(line, one.around ?? []))
    if (same) return same.around?.join(OLD) ?? OLD
    if (bare || keys.has(keyOf(line)) || SECRETIVE.test(line) || RANDOM.test(line)) return OLD
    return line
  }
  return unifiedDiff(path, text.slice(1, -1).split('\n').map(hide).join('\n'), shown)
}

const isBare = ({ around = [] }: Line): boolean => around.every(text => text.trim() === '')

/** Does the line begin and end like one with a secret? */
const fits = (line: string, around: readonly string[]): boolean => {
  const [first = '', last = ''] = [around[0], around.at(-1)]
  return line.startsWith(first) && line.endsWith(last) && line.length >= first.length + last.length
}

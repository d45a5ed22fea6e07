/** The text of a Python string literal cannot be told; Python refuses it, or only Python's own tables know it. */
export class NoLiteral extends Error {}

/** A string literal with its prefix: 'a', u"b", r'c', b'd', '''e'''. */
export const STRING =
  /(?:u|r|b|br|rb)?('''(?:[^\\]|\\[\s\S])*?'''|"""(?:[^\\]|\\[\s\S])*?"""|(?!''')'(?:[^'\\\n]|\\[\s\S])*'|(?!""")"(?:[^"\\\n]|\\[\s\S])*")/iy

const ESCAPES: Readonly<Record<string, string>> = {
  ...{ n: '\n', t: '\t', r: '\r', a: '\x07', b: '\b', f: '\f', v: '\v' },
  ...{ '\\': '\\', "'": "'", '"': '"', '\n': '' },
}

/**
 * The text of a Python string literal, and whether it is bytes, which Ansible turns into text
 * (docs.python.org/3/reference/lexical_analysis.html#string-and-bytes-literals). Throws NoLiteral where Python refuses it.
 */
export function stringLiteral(source: string): { text: string; bytes: boolean } {
  const [, prefix = '', rest = ''] = /^([a-z]*)(.*)$/is.exec(source) ?? []
  const bytes = /b/i.test(prefix)
  const quote = /^('''|""")/.test(rest) ? 3 : 1
  const body = rest.slice(quote, -quote)
  if (bytes && /[^\x00-\x7f]/.test(body)) throw new NoLiteral()
  if (/r/i.test(prefix)) return { text: body, bytes }
  const text = body.replace(
    /\\(?:x([\da-f]{0,2})|([0-7]{1,3})|u([\da-f]{0,4})|U([\da-fA-F]{0,8})|N\{[^}]*\}|([\s\S]))/g,
    (all: string, x?: string, octal?: string, u?: string, long?: string, one?: string) => {
      if (x !== undefined) return code(x, 2)
      if (octal !== undefined) return code(octal.padStart(3, '0'), 3, 8)
      if (bytes && one === undefined) return all
      if (u !== undefined) return code(u, 4)
      if (long !== undefined) return code(long, 8)
      // Only Python has the names of all characters.
      if (one === undefined || one === 'N') throw new NoLiteral()
      return ESCAPES[one] ?? all
    },
  )
  return { text: bytes ? decoded(text) : text, bytes }
}

function code(digits: string, length: number, base = 16): string {
  if (digits.length < length) throw new NoLiteral()
  const value = parseInt(digits, base)
  if (value > 0x10_ff_ff || (value >= 0xd8_00 && value < 0xe0_00)) throw new NoLiteral()
  return String.fromCodePoint(value)
}

/** Bytes, one a character, as UTF-8. */
function decoded(text: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(text, 'latin1'))
  } catch {
    throw new NoLiteral()
  }
}

/** Makes texts from hosts and files harmless for a terminal. */

const NAMED: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

/**
 * Characters that a terminal obeys or that a reader does not see: everything of Unicode's category C (controls, format characters
 * such as bidi and zero-width marks and tags, lone surrogates, private and unassigned code points), line separators,
 * default-ignorable code points (variation selectors, Hangul fillers), and marks that stand on nothing or are more than
 * four on one sign (a fifth one paints over the lines around it). CVE-2021-42574; UAX #44, "Default_Ignorable_Code_Point".
 */
const UNSAFE =
  /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]|\p{M}(?<![\p{L}\p{N}\p{P}\p{S}]\p{M}{1,4})/gu

/** Most texts are plain ASCII. */
const HARMLESS = /^[ -~]*$/

const clean = (text: string, show: (char: string) => string): string =>
  HARMLESS.test(text) ? text : text.replace(UNSAFE, show)

const visible = (char: string): string => {
  const code = char.codePointAt(0) ?? 0
  if (code < 0x20) return `^${String.fromCharCode(code + 0x40)}`
  if (code === 0x7f) return '^?'
  return code < 0x100 ? `\\x${code.toString(16)}` : `\\u{${code.toString(16)}}`
}

const escaped = (char: string): string =>
  Array.from(
    { length: char.length },
    (_, i) => `\\u${char.charCodeAt(i).toString(16).padStart(4, '0')}`,
  ).join('')

/** Text for one line of a terminal or log: characters that a terminal obeys or hides become visible, an escape as ^[. */
export const cleanLine = (text: string): string => clean(text, char => NAMED[char] ?? visible(char))

/** Like `cleanLine`, but keeps line ends and tabs; CRLF becomes LF, trailing line ends are dropped. */
export const cleanBlock = (text: string): string =>
  clean(text.replaceAll('\r\n', '\n').replace(/\n+$/, ''), char =>
    char === '\n' || char === '\t' ? char : visible(char),
  )

/**
 * JSON with the same characters escaped; JSON.parse gives back exactly the same value. JSON.stringify itself escapes only
 * C0 controls and lone surrogates. `indent` as in JSON.stringify; no newline at the end.
 */
export const safeJson = (value: unknown, indent?: number): string =>
  JSON.stringify(value, undefined, indent).replace(UNSAFE, char =>
    char === '\n' ? char : escaped(char),
  )

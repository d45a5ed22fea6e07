const NAMED: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

/** C0, DEL and C1 controls, line separators, and the marks that reorder text (CVE-2021-42574). */

const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g

const visible = (char: string): string => {
  const code = char.charCodeAt(0)
  if (code < 0x20) return `^${String.fromCharCode(code + 0x40)}`
  if (code === 0x7f) return '^?'
  return code < 0x100 ? `\\x${code.toString(16)}` : `\\u{${code.toString(16)}}`
}

/** Text for one line of a terminal or log: no control character is left, an escape shows as ^[. */
export const cleanLine = (text: string): string =>
  text.replace(UNSAFE, char => NAMED[char] ?? visible(char))

/** Like `cleanLine`, but keeps line ends and tabs; CRLF becomes LF, trailing line ends are dropped. */
export const cleanBlock = (text: string): string =>
  text
    .replaceAll('\r\n', '\n')
    .replace(/\n+$/, '')
    .replace(UNSAFE, char => (char === '\n' || char === '\t' ? char : visible(char)))

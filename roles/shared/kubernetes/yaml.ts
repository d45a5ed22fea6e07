export type Yaml =
  string | number | boolean | null | readonly Yaml[] | { readonly [key: string]: Yaml | undefined }

/** Text that needs no quotes: YAML 1.1 and 1.2 both read it as this string. */
const PLAIN = /^[A-Za-z_/][\w./@-]*$/
const SPECIAL = /^(y|n|yes|no|on|off|true|false|null|nan|inf|\.inf|\.nan)$/i

/** Several lines of printable text that end with one newline and do not start with a blank: written as a literal block. */
const LITERAL = /^[!-~][ -~]*\n([ -~\n]*[!-~]\n)?$/

const scalar = (value: string | number | boolean | null): string =>
  typeof value === 'string' && PLAIN.test(value) && !SPECIAL.test(value)
    ? value
    : JSON.stringify(value)

const isList = (value: Yaml): value is readonly Yaml[] => Array.isArray(value)

/** A value as block YAML, ending with a newline. Keys keep their order; undefined values are left out. */
export function toYaml(value: Yaml, indent = ''): string {
  if (value === null || typeof value !== 'object') return `${indent}${scalar(value)}\n`
  if (isList(value)) {
    if (value.length === 0) return `${indent}[]\n`
    return value.map(item => `${indent}- ${toYaml(item, `${indent}  `).trimStart()}`).join('')
  }
  const entries = Object.entries(value).filter(
    (entry): entry is [string, Yaml] => entry[1] !== undefined,
  )
  if (entries.length === 0) return `${indent}{}\n`
  return entries.map(([key, item]) => `${indent}${scalar(key)}:${child(item, indent)}`).join('')
}

function child(value: Yaml, indent: string): string {
  if (typeof value === 'string' && LITERAL.test(value)) {
    const lines = value.slice(0, -1).split('\n')
    return ` |\n${lines.map(line => (line === '' ? '\n' : `${indent}  ${line}\n`)).join('')}`
  }
  const block = toYaml(value, `${indent}  `)
  const inline =
    value === null || typeof value !== 'object' || /^\s*(\[\]|\{\})$/.test(block.trimEnd())
  return inline ? ` ${block.trimStart()}` : `\n${block}`
}

/** Several objects as documents of one file. */
export const documents = (objects: readonly Yaml[]): string =>
  objects.map(object => toYaml(object)).join('---\n')

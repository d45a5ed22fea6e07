import { nonsense } from '../../lib/index.ts'

/** An entry of a directory: its name and its attributes, all in small letters but for the values. */
export interface Entry {
  readonly dn: string
  readonly attributes: ReadonlyMap<string, readonly string[]>
}

/**
 * Parses the answer of `ldapsearch -LLL` (ldapsearch(1)): LDIF (RFC 2849), entries divided by empty lines, values that are not
 * plain text in base64, long lines continued behind a space. Throws TaskError for anything else.
 */
export function parseLdif(text: string): Entry[] {
  const entries: Entry[] = []
  let now: { dn: string; attributes: Map<string, string[]> } | undefined
  for (const line of text.replace(/\r?\n /g, '').split(/\r?\n/)) {
    if (line.startsWith('#')) continue
    if (line === '') {
      now = undefined
      continue
    }
    const [, name, mark, rest = ''] = /^([A-Za-z][A-Za-z0-9.;-]*):(:?) ?(.*)$/.exec(line) ?? []
    if (name === undefined) throw nonsense('ldapsearch', 'the zones', line)
    const value = mark === ':' ? decoded(line, rest) : rest
    const key = name.toLowerCase()
    if (key === 'dn') {
      if (now) throw nonsense('ldapsearch', 'the zones', line, 'an entry in an entry')
      now = { dn: value.toLowerCase(), attributes: new Map() }
      entries.push(now)
    } else if (!now) throw nonsense('ldapsearch', 'the zones', line, 'an attribute of no entry')
    else {
      const values = now.attributes.get(key)
      if (values) values.push(value)
      else now.attributes.set(key, [value])
    }
  }
  return entries
}

function decoded(line: string, text: string): string {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.length % 4 !== 0)
    throw nonsense('ldapsearch', 'the zones', line, 'this is not base64')
  return Buffer.from(text, 'base64').toString('utf8')
}

import type { Secret } from './secret.ts'
import { quote } from '../shell/quote.ts'

const HIDDEN = '‹secret›'
/** Shorter texts are not redacted: they occur everywhere. */
const SHORTEST = 4
/** The same for encoded parts, which more often match by chance. */
const SHORTEST_ENCODED = 8

/**
 * The base64 of a text inside a longer one ("user:" + password), at all three offsets: the part that its neighbours cannot
 * change.
 */
const base64Cores = (text: string): string[] =>
  [0, 1, 2].map(shift => {
    const bytes = Buffer.from(text)
    const encoded = Buffer.concat([Buffer.alloc(shift), bytes]).toString('base64')
    const first = Math.ceil((shift * 8) / 6)
    const last = Math.floor(((shift + bytes.length) * 8) / 6)
    return encoded.slice(first, last)
  })

const urlSafe = (base64: string): string => base64.replaceAll('+', '-').replaceAll('/', '_')

/** Lines of wrapped base64 (coreutils: 76, PEM: 64). */
const wrapped = (base64: string): string[] =>
  [76, 64].flatMap(width =>
    base64.length > width ? (base64.match(new RegExp(`.{1,${width}}`, 'g')) ?? []) : [],
  )

const urlEncoded = (text: string): string[] => {
  const encoded = encodeURIComponent(Buffer.from(text).toString())
  const strict = encoded.replace(/[!'()*]/g, c => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
  return [encoded, strict].flatMap(form => [
    form,
    form.replaceAll('%20', '+'),
    form.replace(/%../g, hex => hex.toLowerCase()),
  ])
}

const inWord = (text: string): string => text.replaceAll("'", `'\\''`)

/** The forms in which a secret may appear: as it is, line by line, and as tools encode it. */
export const forms = (text: string): string[] => {
  const lines = text.split(/\r?\n/)
  const plain = [text, text.trimEnd(), ...lines, ...lines.map(line => line.trim())].filter(
    form => form.length >= SHORTEST,
  )
  if (plain.length === 0) return []
  const whole = text.trimEnd() === text ? [text] : [text, text.trimEnd()]
  const encoded = whole.flatMap(form => {
    const base64 = Buffer.from(form).toString('base64')
    return [base64.replace(/=+$/, ''), ...base64Cores(form), ...wrapped(base64)]
  })
  const written = plain.flatMap(form => [
    ...urlEncoded(form),
    form.includes('\0') ? form : quote(form),
    // In a shell word, and in a shell word inside a shell word (sh -c, su -c).
    inWord(form),
    inWord(inWord(form)),
    JSON.stringify(form).slice(1, -1),
    form.replaceAll('\\', '\\\\'),
  ])
  const long = [...encoded, ...encoded.map(urlSafe)].filter(f => f.length >= SHORTEST_ENCODED)
  return [...new Set([...plain, ...written, ...long])]
}

/**
 * Makes a function that replaces every secret in a text by ‹secret›. Make it once for a set of secrets: its calls are cheap,
 * and secrets that are added to the set later count from then on. Overlapping matches become one. It needs whole texts: a
 * secret that is cut in two does not match.
 */
export const redactor = (secrets: Iterable<Secret>): ((text: string) => string) => {
  const known = new Set<Secret>()
  const needles = new Set<string>()
  return text => {
    for (const secret of secrets)
      if (!known.has(secret)) {
        known.add(secret)
        for (const form of forms(secret.reveal())) needles.add(form)
      }
    const found: [from: number, to: number][] = []
    for (const needle of needles)
      for (let at = text.indexOf(needle); at !== -1; at = text.indexOf(needle, at + 1))
        found.push([at, at + needle.length])
    return found.length === 0 ? text : covered(text, found)
  }
}

const covered = (text: string, found: [from: number, to: number][]): string => {
  found.sort(([a], [b]) => a - b)
  let result = ''
  let end = 0
  for (const [from, to] of found) {
    if (from >= end && (from > end || end === 0)) result += `${text.slice(end, from)}${HIDDEN}`
    end = Math.max(end, to)
  }
  return result + text.slice(end)
}

/** `text` without the secrets. For many texts, make one redactor(). */
export const redact = (text: string, secrets: Iterable<Secret>): string => redactor(secrets)(text)

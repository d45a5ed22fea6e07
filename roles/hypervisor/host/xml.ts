import { nonsense, type TaskError } from '../../../lib/index.ts'

/** An element; `text` is its own text, without its children's. */
export interface Element {
  readonly name: string
  readonly attributes: Readonly<Record<string, string>>
  readonly children: readonly Element[]
  readonly text: string
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  "'": '&apos;',
  '"': '&quot;',
}

/** Escapes text for an element or an attribute. */
export const escapeXml = (text: string): string => text.replace(/[&<>'"]/g, c => ENTITIES[c] ?? c)

const unescape = (text: string): string =>
  text.replace(/&(?:(amp|lt|gt|apos|quot)|#(\d+)|#x([0-9a-f]+));/gi, (_, name, decimal, hex) =>
    typeof name === 'string'
      ? { amp: '&', lt: '<', gt: '>', apos: "'", quot: '"' }[name as 'amp']
      : character(typeof decimal === 'string' ? Number(decimal) : Number.parseInt(String(hex), 16)),
  )

/** The character of a reference such as &#10;. Throws TaskError for what XML 1.0 does not allow ("Char"). */
function character(code: number): string {
  const control = code < 0x20 && ![0x9, 0xa, 0xd].includes(code)
  if (control || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) throw garbled(`&#${code};`)
  return String.fromCodePoint(code)
}

/** A domain's definition has some ten thousand characters on a dozen levels, and there may be hundreds of domains. */
const MOST_TEXT = 16 * 1024 * 1024
const MOST_TOKENS = 200_000
const MOST_LEVELS = 64

const TOKEN =
  /<!--[\s\S]*?-->|<\?[\s\S]*?\?>|<!\[CDATA\[([\s\S]*?)\]\]>|<(\/?)([\w:.-]+)((?:\s+[\w:.-]+\s*=\s*(?:"[^"]*"|'[^']*'))*)\s*(\/?)>|([^<]+)|([\s\S])/g

interface Open {
  readonly name: string
  readonly attributes: Record<string, string>
  readonly children: Element[]
  text: string
}

/**
 * Parses one or more XML documents, as libvirt prints them. Throws TaskError for other text, and for more than a host's
 * libvirt prints. Entities other than XML's own stay as they are.
 */
export function parseXml(text: string): readonly Element[] {
  if (text.length > MOST_TEXT) throw garbled(text, `more than ${MOST_TEXT} characters`)
  let tokens = 0
  const top: Open = { name: '', attributes: {}, children: [], text: '' }
  const open = [top]
  for (const match of text.matchAll(TOKEN)) {
    const [, data, closes, name, attributes = '', empty, words, odd] = match
    if (++tokens > MOST_TOKENS) throw garbled(text, `more than ${MOST_TOKENS} tags`)
    const inner = open.at(-1) ?? top
    if (odd !== undefined) throw garbled(match[0])
    if (data !== undefined) inner.text += data
    else if (words !== undefined) inner.text += unescape(words)
    else if (name !== undefined && closes === '/') {
      if (open.length < 2 || inner.name !== name) throw garbled(`</${name}>`)
      open.pop()
    } else if (name !== undefined) {
      const element: Open = { name, attributes: readAttributes(attributes), children: [], text: '' }
      inner.children.push(element)
      if (empty !== '/') open.push(element)
      if (open.length > MOST_LEVELS) throw garbled(match[0], `more than ${MOST_LEVELS} levels`)
    }
  }
  if (open.length > 1) throw garbled(`<${open.at(-1)?.name ?? ''}>`)
  return top.children
}

const readAttributes = (text: string): Record<string, string> =>
  Object.fromEntries(
    [...text.matchAll(/([\w:.-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g)].map(
      ([, name = '', double, single]) => [name, unescape(double ?? single ?? '')],
    ),
  )

const garbled = (where: string, why = 'this is not XML'): TaskError =>
  nonsense('libvirt', 'a definition', where, why)

/** The elements at a path below an element: `find(domain, 'devices', 'disk')`. */
export const find = (element: Element, ...path: readonly string[]): readonly Element[] =>
  path.reduce<readonly Element[]>(
    (found, name) => found.flatMap(e => e.children.filter(c => c.name === name)),
    [element],
  )

/** The first of them; an empty element if there is none. */
export const first = (element: Element, ...path: readonly string[]): Element =>
  find(element, ...path)[0] ?? { name: '', attributes: {}, children: [], text: '' }

/** An element of an XML document. */
export interface Element {
  readonly name: string
  readonly attributes: Readonly<Record<string, string>>
  readonly children: readonly Element[]
  readonly text: string
}

const NAMED: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" }

/** Throws for anything that XML 1.0 does not allow: a character, a bare & or <, an unknown entity. */
const plain = (text: string): string => {
  if (/[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/u.test(text))
    throw new Error('a character that XML does not have')
  return text.replace(/&(?:(lt|gt|amp|quot|apos);)?|</g, (found, name?: string) => {
    const char = name === undefined ? undefined : NAMED[name]
    if (char === undefined) throw new Error(`a bare ${found}`)
    return char
  })
}

/** A document of elements, attributes in double quotes and text. Throws if it is not well-formed. */
export function parseXml(document: string): Element {
  const rest = document.replace(/^<\?xml version="1\.0" encoding="UTF-8"\?>\n/, '')
  if (rest === document) throw new Error('no XML declaration')
  const stack: {
    name: string
    attributes: Record<string, string>
    children: Element[]
    text: string
  }[] = [{ name: '', attributes: {}, children: [], text: '' }]
  const token = /<(\/?)([a-z-]+)((?: [a-z]+="[^"<]*")*)(\/?)>|([^<]+)/gy
  let at = 0
  for (let found = token.exec(rest); found; found = token.exec(rest)) {
    at = token.lastIndex
    const [, closes, name = '', attributes = '', alone, text] = found
    const top = stack.at(-1)
    if (!top) throw new Error('too many ends')
    if (text !== undefined) top.text += plain(text)
    else if (closes) {
      if (top.name !== name) throw new Error(`</${name}> ends <${top.name}>`)
      stack.pop()
      stack.at(-1)?.children.push(top)
    } else {
      const own = {
        name,
        attributes: Object.fromEntries(
          [...attributes.matchAll(/ ([a-z]+)="([^"]*)"/g)].map(([, key = '', value = '']) => [
            key,
            plain(value),
          ]),
        ),
        children: [],
        text: '',
      }
      if (alone) top.children.push(own)
      else stack.push(own)
    }
  }
  const [top, ...open] = stack
  if (at !== rest.length) throw new Error(`no XML: ${rest.slice(at, at + 40)}`)
  const [root, ...more] = top?.children ?? []
  if (open.length > 0 || !root || more.length > 0) throw new Error('not one root element')
  return root
}

/** The children of this name. */
export const elements = (parent: Element, name: string): Element[] =>
  parent.children.filter(child => child.name === name)

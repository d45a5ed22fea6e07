import { cleanBlock, cleanLine } from '../text/sanitise.ts'

/** Characters that XML 1.0 does not have, not even as references (w3.org/TR/xml, 2.2). cleanBlock has made most of them visible. */
const ILLEGAL = /[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu

const NAMED: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
}

const escaped = (text: string): string =>
  text.replace(ILLEGAL, '').replace(/[&<>"']/g, char => NAMED[char] ?? '')

/** Text of several lines between two tags. Control characters are shown visibly. */
export const xmlText = (text: string): string => escaped(cleanBlock(text))

/**
 * The attributes of a tag, each with a blank before it; undefined ones are left out. A value is one line.
 *
 *     xmlAttributes({ name: 'a "b"', time: 1 })  // ` name="a &quot;b&quot;" time="1"`
 */
export const xmlAttributes = (
  attributes: Readonly<Record<string, string | number | undefined>>,
): string =>
  Object.entries(attributes)
    .flatMap(([name, value]) =>
      value === undefined ? [] : [` ${name}="${escaped(cleanLine(String(value)))}"`],
    )
    .join('')

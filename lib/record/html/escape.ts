import { cleanBlock, cleanLine } from '../../text/sanitise.ts'

/** HTML that is safe to put into a page. */
export type Html = string & { readonly html: unique symbol }

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

const escape = (text: string): Html => text.replace(/[&<>"']/g, c => ESCAPES[c] ?? '') as Html

/** One line of text, for content and attributes: harmless in HTML, control characters visible. */
export const line = (text: string): Html => escape(cleanLine(text))

/** The same for text with line ends. */
export const block = (text: string): Html => escape(cleanBlock(text))

/** Line ends in a template are for its author. */
const compact = (part: string): string =>
  part.replace(/\s*\n\s*(?=\/?>)/g, '').replace(/\s*\n\s*/g, ' ')

/** A template of HTML, on one line. Values are HTML, lists of it, numbers, or `{ text }`: a line of text, which is escaped. */
export function markup(
  parts: TemplateStringsArray,
  ...values: readonly (Html | readonly Html[] | number | { readonly text: string })[]
): Html {
  const shown = values.map(value =>
    typeof value === 'number'
      ? String(value)
      : typeof value === 'string'
        ? value
        : 'text' in value
          ? line(value.text)
          : value.join(''),
  )
  return String.raw({ raw: parts.raw.map(compact) }, ...shown) as Html
}

export const NONE = '' as Html

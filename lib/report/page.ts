import type { Finding, Page } from '../engine/events.ts'
import { cleanLine } from '../text/sanitise.ts'
import type { Style } from './style.ts'
import { width } from './width.ts'

const WORDS = { broken: 'BROKEN', degraded: 'DEGRADED', notice: 'notice', fine: 'fine' } as const
const SIGNS = { broken: '✗', degraded: '✗', notice: '!', fine: '✓' } as const
const INDENT = ' '.repeat(12)

const paints = (style: Style): Record<Finding['level'], (text: string) => string> => ({
  broken: text => style.bold(style.status.failed(text)),
  degraded: style.status.failed,
  notice: style.warning,
  fine: style.status.ok,
})

/** Wraps a text into lines of at most `room` cells; a longer word has a line of its own. */
const wrap = (text: string, room: number): string[] => {
  const lines: string[] = []
  for (const word of cleanLine(text).split(' ')) {
    const last = lines.at(-1)
    if (last !== undefined && width(last) + 1 + width(word) <= room)
      lines[lines.length - 1] = `${last} ${word}`
    else lines.push(word)
  }
  return lines
}

const findingLines = (finding: Finding, style: Style, room: number): string[] => {
  const { level, text, details = [], hint } = finding
  const head = `${SIGNS[level]} ${WORDS[level]}`.padEnd(INDENT.length)
  const [first = '', ...rest] = wrap(text, room)
  return [
    paints(style)[level](head) + (level === 'fine' ? first : style.bold(first)),
    ...rest.map(line => INDENT + (level === 'fine' ? line : style.bold(line))),
    ...details.flatMap(d => wrap(d, room).map(line => INDENT + style.dim(line))),
    ...(hint === undefined
      ? []
      : wrap(`→ ${hint}`, room).map((line, i) => `${INDENT}${i > 0 ? '  ' : ''}${line}`)),
  ]
}

/** The page as lines of at most `columns` cells: first what is wrong, then what is fine. */
export const pageLines = (page: Page, style: Style, columns = Infinity): string[] => {
  const room = Math.max(30, columns - INDENT.length - 2)
  const wrong = page.findings.filter(f => f.level !== 'fine')
  const fine = page.findings.filter(f => f.level === 'fine')
  const blocks = [wrong, fine].map(some => some.flatMap(f => findingLines(f, style, room)))
  return [
    ...wrap(page.title, columns).map(line => style.bold(line)),
    ...blocks.flatMap(b => (b.length > 0 ? ['', ...b] : [])),
  ]
}

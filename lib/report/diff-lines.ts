import { cleanBlock } from '../text/sanitise.ts'
import type { Style } from './style.ts'

/** A diff's lines, safe for a terminal and coloured. */
export const diffLines = (diff: string, style: Style): string[] => {
  const lines = cleanBlock(diff).split('\n')
  const start = lines.findIndex(line => line.startsWith('@@'))
  return lines.map((line, n) => {
    if (n < start) return style.bold(line)
    if (line.startsWith('@@')) return style.place(line)
    if (line.startsWith('+')) return style.add(line)
    if (line.startsWith('-')) return style.remove(line)
    return line
  })
}

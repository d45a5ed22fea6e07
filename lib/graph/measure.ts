import { width as cells } from '../report/width.ts'

/** Font sizes of the picture in pixels. */
export const SIZE = { title: 18, name: 13, text: 11 } as const

/**
 * At most how wide a text is in a sans-serif font, in pixels: the widths are those of DejaVu Sans, the widest of the usual
 * ones, so that a text that fits by this measure fits everywhere.
 */
export function textWidth(text: string, size: number, bold = false): number {
  let em = 0
  for (const char of text) em += emOf(char)
  return em * size * (bold ? 1.12 : 1)
}

const emOf = (char: string): number => {
  if (/[ijlI.,:;'|!()[\]/ ]/.test(char)) return 0.4
  if (/[mwMW@%→…]/.test(char)) return 1
  if (/[A-Z&]/.test(char)) return 0.75
  if (/[ -~]/.test(char)) return 0.64
  return Math.max(1, cells(char)) * 0.85
}

/** The text, or as much of its beginning as has room, with "…" at the end. */
export function fit(text: string, room: number, size: number, bold = false): string {
  if (textWidth(text, size, bold) <= room) return text
  const chars = Array.from(text)
  while (chars.length > 1 && textWidth(`${chars.join('')}…`, size, bold) > room) chars.pop()
  return `${chars.join('')}…`
}

/** Words, as many on each line as have room. */
export function wrap(words: readonly string[], room: number, size: number): string[] {
  const lines: string[] = []
  for (const word of words) {
    const last = lines.at(-1)
    const longer = last === undefined ? word : `${last} ${word}`
    if (last !== undefined && textWidth(longer, size) <= room) lines[lines.length - 1] = longer
    else lines.push(fit(word, room, size))
  }
  return lines
}

/** Made when it is first needed: that loads the data of ICU. */
let segmenter: Intl.Segmenter | undefined
const graphemes = (text: string): Intl.Segments =>
  (segmenter ??= new Intl.Segmenter('en', { granularity: 'grapheme' })).segment(text)

const COLOUR = /\u001b\[[0-9;]*m/g
/** Lines of ASCII and our own signs, as most are: one cell per character. */
const NARROW = /^[ -~·›…→✓✗⠀-⣿]*$/
const ZERO = /^[\p{Mark}\p{Default_Ignorable_Code_Point}]/u
const EMOJI = /\p{Emoji_Presentation}|\ufe0f/u

/** First and last code points of blocks with wide characters (Unicode TR 11, W and F). */
const WIDE: readonly (readonly [number, number])[] = [
  [0x1100, 0x115f],
  [0x2e80, 0x303e],
  [0x3041, 0xa4cf],
  [0xa960, 0xa97c],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe30, 0xfe6f],
  [0xff01, 0xff60],
  [0xffe0, 0xffe6],
  [0x1f300, 0x1faff],
  [0x20000, 0x3fffd],
]

const cells = (grapheme: string): number => {
  const code = grapheme.codePointAt(0) ?? 0
  if (ZERO.test(grapheme)) return 0
  return EMOJI.test(grapheme) || WIDE.some(([from, to]) => code >= from && code <= to) ? 2 : 1
}

/** How many terminal cells a line takes; colour codes take none. */
export const width = (text: string): number => {
  const bare = text.replace(COLOUR, '')
  if (NARROW.test(bare)) return bare.length
  let sum = 0
  for (const { segment } of graphemes(bare)) sum += cells(segment)
  return sum
}

/** As much of the beginning of a plain text as fits into `room` cells. */
const head = (text: string, room: number): string => {
  if (NARROW.test(text)) return text.slice(0, Math.max(0, room))
  let kept = ''
  let used = 0
  for (const { segment } of graphemes(text)) {
    used += cells(segment)
    if (used > room) break
    kept += segment
  }
  return kept
}

/** Cuts a line to `room` cells, with "…" at the end. All colour codes are kept, so that every colour ends. */
export const truncate = (text: string, room: number): string => {
  if (width(text) <= room) return text
  if (room < 1) return ''
  let left = room - 1
  let cut = false
  let out = ''
  for (const piece of text.split(/(\u001b\[[0-9;]*m)/)) {
    if (piece.startsWith('\u001b')) {
      out += piece
    } else if (!cut) {
      const kept = head(piece, left)
      left -= width(kept)
      cut = kept.length < piece.length
      out += cut ? `${kept}…` : kept
    }
  }
  return out
}

/** Pads a line with spaces to `room` cells. */
export const pad = (text: string, room: number): string =>
  text + ' '.repeat(Math.max(0, room - width(text)))

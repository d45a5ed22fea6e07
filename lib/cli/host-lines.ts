import { StringDecoder } from 'node:string_decoder'
import { width } from '../report/width.ts'
import { cleanBlock } from '../text/sanitise.ts'

/** A line of more characters is shown in pieces of this length. */
const LONGEST = 64 * 1024
/** Characters that stay behind when a piece is cut off, so that a secret is whole when `hide` sees it. */
const TAIL = 4096
const TAB = 8

/**
 * Makes lines of a host's output: pushed bytes come in pieces of any size, lines go to `emit` whole, without their end and
 * harmless for a terminal. A lone carriage return ends a line, too, so that no text overwrites another one. `hide` takes
 * secrets out.
 *
 *     const lines = new HostLines(line => print(`web1 | ${line}`), text => text)
 *     lines.push(Buffer.from('one\ntw'))   // web1 | one
 *     lines.push(Buffer.from('o'))
 *     lines.end()                          // web1 | two
 */
export class HostLines {
  readonly #emit: (line: string) => void
  readonly #hide: (text: string) => string
  readonly #decoder = new StringDecoder('utf8')
  #rest = ''
  /** The last piece ended with a carriage return: a newline right after it belongs to the same line end. */
  #returned = false

  constructor(emit: (line: string) => void, hide: (text: string) => string) {
    this.#emit = emit
    this.#hide = hide
  }

  push(bytes: Buffer): void {
    let text = this.#decoder.write(bytes)
    if (this.#returned && text.startsWith('\n')) text = text.slice(1)
    if (text !== '') this.#returned = text.endsWith('\r')
    const lines = (this.#rest + text).split(/\r\n|\n|\r/)
    this.#rest = lines.pop() ?? ''
    for (const line of lines) this.#line(line)
    while (this.#rest.length > LONGEST + TAIL) {
      const hidden = this.#hide(this.#rest)
      this.#emit(shown(hidden.slice(0, LONGEST)))
      this.#rest = hidden.slice(LONGEST)
    }
  }

  /** Emits the last line if it has no end. */
  end(): void {
    const rest = this.#rest + this.#decoder.end()
    this.#rest = ''
    if (rest !== '') this.#line(rest)
  }

  #line(text: string): void {
    this.#emit(shown(this.#hide(text)))
  }
}

/** Spaces for tabs: behind a prefix of any width a terminal's own tab stops would not line up. */
const shown = (line: string): string => {
  const clean = cleanBlock(line)
  if (!clean.includes('\t')) return clean
  return clean
    .split('\t')
    .reduce((before, part) => `${before}${' '.repeat(TAB - (width(before) % TAB))}${part}`)
}

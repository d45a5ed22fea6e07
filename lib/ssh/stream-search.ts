/** The bytes of one stream so far. The buffer doubles, so that single bytes cost no more than large pieces. */
export class StreamBuffer {
  #bytes: Buffer = Buffer.allocUnsafe(4096)
  #length = 0

  get length(): number {
    return this.#length
  }

  push(chunk: Buffer): void {
    const length = this.#length + chunk.length
    if (length > this.#bytes.length) {
      const bytes = Buffer.allocUnsafe(Math.max(length, 2 * this.#bytes.length))
      this.#bytes.copy(bytes, 0, 0, this.#length)
      this.#bytes = bytes
    }
    chunk.copy(this.#bytes, this.#length)
    this.#length = length
  }

  /** The bytes from position `from` on; valid until the next push. */
  after(from: number): Buffer {
    return this.#bytes.subarray(from, this.#length)
  }
}

/** Finds one text in a growing buffer; looks at every byte once. */
export class TextSearch {
  readonly #buffer: StreamBuffer
  readonly #text: Buffer
  #from: number

  constructor(buffer: StreamBuffer, text: string, from = 0) {
    this.#buffer = buffer
    this.#text = Buffer.from(text, 'latin1')
    this.#from = from
  }

  /** Where the next occurrence ends; undefined while there is none. */
  next(): number | undefined {
    const at = this.#buffer.after(this.#from).indexOf(this.#text)
    if (at < 0) {
      this.#from = Math.max(this.#from, this.#buffer.length - this.#text.length + 1)
      return undefined
    }
    this.#from += at + this.#text.length
    return this.#from
  }
}

/** Longest text after a tag. */
const LONGEST = 80

/** Finds the text `tag` followed by what matches `pattern` (anchored, ending in a semicolon). */
export class TaggedSearch {
  readonly #buffer: StreamBuffer
  readonly #search: TextSearch
  readonly #pattern: RegExp
  #begun: number | undefined

  constructor(buffer: StreamBuffer, tag: string, pattern: RegExp) {
    this.#buffer = buffer
    this.#search = new TextSearch(buffer, tag)
    this.#pattern = pattern
  }

  /** The match of `pattern` and where it ends; undefined while there is none. */
  next(): { found: RegExpExecArray; end: number } | undefined {
    for (;;) {
      this.#begun ??= this.#search.next()
      if (this.#begun === undefined) return undefined
      const text = this.#buffer.after(this.#begun).subarray(0, LONGEST).toString('latin1')
      const found = this.#pattern.exec(text)
      if (found) return { found, end: this.#begun + found[0].length }
      if (text.length < LONGEST && !text.includes(';')) return undefined // the rest is on its way
      this.#begun = undefined
    }
  }
}

/** One stream up to a mark. The buffer doubles, so that a host that sends single bytes costs no more than one that does not. */
export class Heard {
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

  /** The bytes from `from` on; they stay valid until the next push. */
  after(from: number): Buffer {
    return this.#bytes.subarray(from, this.#length)
  }
}

/** Looks for one text in what is heard, at every byte once. */
export class Search {
  readonly #heard: Heard
  readonly #text: Buffer
  #from: number

  constructor(heard: Heard, text: string, from = 0) {
    this.#heard = heard
    this.#text = Buffer.from(text, 'latin1')
    this.#from = from
  }

  /** Where the next occurrence ends; undefined while there is none. */
  next(): number | undefined {
    const at = this.#heard.after(this.#from).indexOf(this.#text)
    if (at < 0) {
      this.#from = Math.max(this.#from, this.#heard.length - this.#text.length + 1)
      return undefined
    }
    this.#from += at + this.#text.length
    return this.#from
  }
}

/** The longest that a greeting has after its name. */
const LONGEST = 80

/** Looks for a text that begins with `name` and goes on as `pattern` (anchored, with a semicolon at its end) says. */
export class Told {
  readonly #heard: Heard
  readonly #search: Search
  readonly #pattern: RegExp
  #begun: number | undefined

  constructor(heard: Heard, name: string, pattern: RegExp) {
    this.#heard = heard
    this.#search = new Search(heard, name)
    this.#pattern = pattern
  }

  /** What `pattern` found, and where it ends; undefined while there is none. */
  next(): { found: RegExpExecArray; end: number } | undefined {
    for (;;) {
      this.#begun ??= this.#search.next()
      if (this.#begun === undefined) return undefined
      const text = this.#heard.after(this.#begun).subarray(0, LONGEST).toString('latin1')
      const found = this.#pattern.exec(text)
      if (found) return { found, end: this.#begun + found[0].length }
      if (text.length < LONGEST && !text.includes(';')) return undefined // the rest is on its way
      this.#begun = undefined
    }
  }
}

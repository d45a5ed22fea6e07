/** Digits of an exit code and the semicolon after it. */
const CODE = 4

/**
 * Finds the mark `\x1eWORD:e:CODE;` that ends a command's output, and hands on all bytes before it. It keeps no more than
 * the beginning of a mark.
 *
 *     const stream = new MarkedStream(word)
 *     stream.push(Buffer.from('hello'))               // { bytes: 'hello', code: undefined }
 *     stream.push(Buffer.from(`\x1e${word}:e:003;`))  // { bytes: '', code: 3 }
 */
export class MarkedStream {
  readonly #mark: Buffer
  #kept = Buffer.alloc(0)
  #done = false

  constructor(word: string) {
    this.#mark = Buffer.from(`\x1e${word}:e:`)
  }

  /** `code` is set once the mark has arrived; what comes after it is dropped. */
  push(chunk: Buffer): { readonly bytes: Buffer; readonly code?: number } {
    if (this.#done) return { bytes: Buffer.alloc(0) }
    const all = this.#kept.length > 0 ? Buffer.concat([this.#kept, chunk]) : chunk
    const at = all.indexOf(this.#mark)
    const from = at < 0 ? this.#beginning(all) : at
    const code = at < 0 ? '' : all.toString('latin1', at + this.#mark.length)
    if (code.length < CODE) {
      this.#kept = Buffer.from(all.subarray(from))
      return { bytes: all.subarray(0, from) }
    }
    this.#done = true
    return { bytes: all.subarray(0, from), code: Number(code.slice(0, CODE - 1)) }
  }

  /** What was kept back because it looked like the beginning of a mark. */
  rest(): Buffer {
    const kept = this.#kept
    this.#kept = Buffer.alloc(0)
    return this.#done ? Buffer.alloc(0) : kept
  }

  /** Where at the end of the bytes a mark may begin; their length: nowhere. */
  #beginning(bytes: Buffer): number {
    for (let at = Math.max(0, bytes.length - this.#mark.length + 1); ; at++) {
      at = bytes.indexOf(0x1e, at)
      if (at < 0) return bytes.length
      if (this.#mark.subarray(0, bytes.length - at).equals(bytes.subarray(at))) return at
    }
  }
}

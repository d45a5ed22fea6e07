const SEPARATOR = '\x1e'
const CODE_LENGTH = 4 // three digits and a semicolon

/** The bytes that end a frame on each stream. In scripts they are only spelled (`\036`), so no listing of processes can print them. */
export interface Marks {
  readonly out: Buffer
  readonly err: Buffer
}

export const marks = (token: string, n: number): Marks => ({
  out: Buffer.from(`${SEPARATOR}${token}:${n}:`),
  err: Buffer.from(`${SEPARATOR}${token}:${n};`),
})

/**
 * The text that runs `script` in the persistent shell and then prints exit code and marks.
 * The braces are parsed whole before they run, so nothing inside can eat later script text. TERM leaves the loop:
 * the rest of the script is skipped and the shell lives on (code 143).
 */
export const frame = (
  token: string,
  n: number,
  script: string,
  input?: string | Buffer,
): Buffer => {
  const head = `_fmc=143; trap 'break 99' TERM; while :; do ${input === undefined ? '' : feed(token, input)}{\n`
  const stdin = input === undefined ? ' </dev/null' : ''
  const tail =
    `\n}${stdin}; _fmc=$?; break; done; ` +
    `printf '\\036${token}:${n}:%03d;' "$_fmc"; printf '\\036${token}:${n};' >&2\n`
  // latin1 carries the bytes of `feed` unchanged; the script itself is UTF-8.
  return Buffer.concat([Buffer.from(head, 'latin1'), Buffer.from(script), Buffer.from(tail)])
}

/** Input as text of the script: a builtin prints it, so it is in nobody's argv. NUL needs base64. Result is latin1. */
const feed = (token: string, input: string | Buffer): string => {
  const bytes = typeof input === 'string' ? Buffer.from(input) : input
  if (!bytes.includes(0))
    return `printf %s '${bytes.toString('latin1').replaceAll("'", `'\\''`)}' | `
  const lines = bytes.toString('base64').replace(/.{1,76}/g, '$&\n')
  return `base64 -d <<'${token}' |\n${lines}${token}\n`
}

/** What is kept of a stream that says too much: enough for an error. */
const ENOUGH = 4096
const FIRST = 4096

/** How much of a stream is taken. */
export interface Most {
  /** It may print so many bytes. */
  readonly bytes: number
  /** Only so many of them are kept, the last ones. All when absent. */
  readonly last?: number | undefined
}

/**
 * Collects one stream until its mark. Bytes are copied into one buffer that doubles, and each is looked at once: the cost
 * is that of the bytes, whatever the size and the cut of the pieces, and no more is kept than is allowed.
 */
export class Collector {
  readonly #after: number
  #mark: Buffer | undefined
  #most: Most = { bytes: 0 }
  #bytes = Buffer.alloc(0)
  /** Bytes in the buffer, and bytes that came before them and are gone. */
  #size = 0
  #gone = 0
  /** Where in the buffer the mark begins. */
  #at = -1

  /** `kind` out: three digits follow the mark. */
  constructor(kind: 'out' | 'err') {
    this.#after = kind === 'out' ? CODE_LENGTH : 0
  }

  expect(mark: Buffer, most: Most): void {
    this.#mark = mark
    this.#most = most
    this.#bytes = Buffer.allocUnsafe(FIRST)
    this.#size = 0
    this.#gone = 0
    this.#at = -1
  }

  /** What was collected has been read, and nothing is waited for. */
  forget(): void {
    this.#mark = undefined
    this.#bytes = Buffer.alloc(0)
    this.#size = 0
  }

  /** Bytes that nobody waits for (a background process) are dropped. */
  push(chunk: Buffer): void {
    const mark = this.#mark
    if (!mark || this.done) return
    if (this.#at < 0) this.#shorten(mark)
    const from = Math.max(0, this.#size - mark.length + 1)
    this.#append(chunk)
    if (this.#at < 0) this.#at = this.#bytes.subarray(0, this.#size).indexOf(mark, from)
  }

  get done(): boolean {
    return (
      this.#mark !== undefined &&
      this.#at >= 0 &&
      this.#size >= this.#at + this.#mark.length + this.#after
    )
  }

  /** More was printed than is allowed. The mark itself may be on its way in pieces. */
  get overflow(): boolean {
    const printed = this.#at < 0 ? this.#size - (this.#mark?.length ?? 0) - this.#after : this.#at
    return this.#gone + printed > this.#most.bytes
  }

  /** What was printed before the mark, so far; only the end of it when that is too much, or when no more is wanted. */
  text(): string {
    return this.#bytes.toString('utf8', 0, this.#at < 0 ? this.#size : this.#at)
  }

  /** The exit code after the mark of stdout. */
  code(): number {
    const start = this.#at + (this.#mark?.length ?? 0)
    return Number(this.#bytes.toString('latin1', start, start + CODE_LENGTH - 1))
  }

  /** Drops what is too old, by half and more, so that every byte is moved about once. */
  #shorten(mark: Buffer): void {
    const keep = Math.max(this.overflow ? ENOUGH : (this.#most.last ?? Infinity), mark.length)
    if (this.#size <= 2 * keep) return
    if (this.#bytes.length > 8 * keep)
      // give back what too much output took
      this.#bytes = Buffer.from(this.#bytes.subarray(this.#size - keep, this.#size))
    else this.#bytes.copyWithin(0, this.#size - keep, this.#size)
    this.#gone += this.#size - keep
    this.#size = keep
  }

  #append(chunk: Buffer): void {
    const size = this.#size + chunk.length
    if (size > this.#bytes.length) {
      const most = this.#most.bytes + FIRST
      const larger = Buffer.allocUnsafe(Math.max(size, Math.min(2 * this.#bytes.length, most)))
      this.#bytes.copy(larger, 0, 0, this.#size)
      this.#bytes = larger
    }
    chunk.copy(this.#bytes, this.#size)
    this.#size = size
  }
}

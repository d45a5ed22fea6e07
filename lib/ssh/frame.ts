const SEPARATOR = '\x1e'
const CODE_LENGTH = 4 // three digits and a semicolon

/**
 * The bytes that end a command's output on each stream. Scripts only spell them (`\036`), so that no process list can print
 * them.
 */
export interface Marks {
  readonly out: Buffer
  readonly err: Buffer
}

export const marks = (token: string, n: number): Marks => ({
  out: Buffer.from(`${SEPARATOR}${token}:${n}:`),
  err: Buffer.from(`${SEPARATOR}${token}:${n};`),
})

/**
 * Shell text that runs `script` in the persistent shell and then prints its exit code and the marks.
 * The shell parses the braces whole before it runs them, so a command inside cannot read the script text that follows.
 * TERM leaves the loop: the shell skips the rest of the script and lives on (code 143).
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

/**
 * Shell text that prints the input with a builtin, so that it is in no process's arguments. Input with NUL travels as
 * base64. The result is latin1.
 */
const feed = (token: string, input: string | Buffer): string => {
  const bytes = typeof input === 'string' ? Buffer.from(input) : input
  if (!bytes.includes(0))
    return `printf %s '${bytes.toString('latin1').replaceAll("'", `'\\''`)}' | `
  const lines = bytes.toString('base64').replace(/.{1,76}/g, '$&\n')
  return `base64 -d <<'${token}' |\n${lines}${token}\n`
}

/** Bytes kept of a stream that exceeds its limit: enough for an error. */
const KEPT_OF_TOO_MUCH = 4096
/** First size of the buffer. */
const FIRST = 4096

/** How much a command may print on a stream. */
export interface Limit {
  /** It may print this many bytes. */
  readonly bytes: number
  /** Keep only this many bytes, the last ones. Default: all. */
  readonly last?: number | undefined
}

/**
 * Collects one stream until its mark. It copies the bytes into one buffer that doubles and looks at each byte once, so the
 * cost depends on the number of bytes and not on the pieces in which they arrive. It keeps no more than the limit.
 */
export class Collector {
  readonly #after: number
  #mark: Buffer | undefined
  #limit: Limit = { bytes: 0 }
  #bytes = Buffer.alloc(0)
  /** Bytes in the buffer, and earlier bytes that were dropped. */
  #size = 0
  #gone = 0
  /** Where in the buffer the mark begins; -1: it has not arrived. */
  #at = -1

  /** On `out`, the exit code follows the mark. */
  constructor(kind: 'out' | 'err') {
    this.#after = kind === 'out' ? CODE_LENGTH : 0
  }

  expect(mark: Buffer, limit: Limit): void {
    this.#mark = mark
    this.#limit = limit
    this.#bytes = Buffer.allocUnsafe(FIRST)
    this.#size = 0
    this.#gone = 0
    this.#at = -1
  }

  /** Releases the buffer and drops all output until the next `expect`. */
  forget(): void {
    this.#mark = undefined
    this.#bytes = Buffer.alloc(0)
    this.#size = 0
  }

  /** Drops bytes that arrive while no command is expected: a background process has printed them. */
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

  /** The command has printed more than its limit. The mark, which may have arrived in part, does not count. */
  get overflow(): boolean {
    const printed = this.#at < 0 ? this.#size - (this.#mark?.length ?? 0) - this.#after : this.#at
    return this.#gone + printed > this.#limit.bytes
  }

  /** The output before the mark, so far; only its end beyond the limit or with `last`. */
  text(): string {
    return this.#bytes.toString('utf8', 0, this.#at < 0 ? this.#size : this.#at)
  }

  /** The exit code after the mark of stdout. */
  code(): number {
    const start = this.#at + (this.#mark?.length ?? 0)
    return Number(this.#bytes.toString('latin1', start, start + CODE_LENGTH - 1))
  }

  /** Drops the oldest bytes, at least half of the buffer at a time, so that each byte moves about once. */
  #shorten(mark: Buffer): void {
    // The end may already hold a part of the mark.
    const keep =
      (this.overflow ? KEPT_OF_TOO_MUCH : (this.#limit.last ?? Infinity)) +
      mark.length +
      this.#after
    if (this.#size <= 2 * keep) return
    if (this.#bytes.length > 8 * keep)
      // release the memory that too much output took
      this.#bytes = Buffer.from(this.#bytes.subarray(this.#size - keep, this.#size))
    else this.#bytes.copyWithin(0, this.#size - keep, this.#size)
    this.#gone += this.#size - keep
    this.#size = keep
  }

  #append(chunk: Buffer): void {
    const size = this.#size + chunk.length
    if (size > this.#bytes.length) {
      const most = this.#limit.bytes + FIRST
      const larger = Buffer.allocUnsafe(Math.max(size, Math.min(2 * this.#bytes.length, most)))
      this.#bytes.copy(larger, 0, 0, this.#size)
      this.#bytes = larger
    }
    chunk.copy(this.#bytes, this.#size)
    this.#size = size
  }
}

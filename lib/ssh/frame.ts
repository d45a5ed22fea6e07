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

/** Collects one stream until its mark; looks at every byte once, whatever the size and the cut of the pieces. */
export class Collector {
  readonly #limit: number
  readonly #after: number
  #mark: Buffer | undefined
  #chunks: Buffer[] = []
  #tail: Buffer = Buffer.alloc(0)
  #size = 0
  #at = -1

  /** `kind` out: three digits follow the mark. */
  constructor(kind: 'out' | 'err', limit: number) {
    this.#after = kind === 'out' ? CODE_LENGTH : 0
    this.#limit = limit
  }

  expect(mark: Buffer): void {
    this.#mark = mark
    this.#chunks = []
    this.#tail = Buffer.alloc(0)
    this.#size = 0
    this.#at = -1
  }

  /** Bytes that nobody waits for (a background process) are dropped. */
  push(chunk: Buffer): void {
    const mark = this.#mark
    if (!mark || this.done) return
    if (this.#at < 0) this.#find(mark, chunk)
    this.#size += chunk.length
    if (this.overflow) this.#chunks = []
    else this.#chunks.push(chunk)
    const keep = mark.length + this.#after
    const tail = chunk.length >= keep ? chunk : Buffer.concat([this.#tail, chunk])
    this.#tail = tail.subarray(Math.max(0, tail.length - keep))
  }

  get done(): boolean {
    return (
      this.#mark !== undefined &&
      this.#at >= 0 &&
      this.#size >= this.#at + this.#mark.length + this.#after
    )
  }

  get overflow(): boolean {
    return (this.#at < 0 ? this.#size : this.#at) > this.#limit
  }

  /** What was printed before the mark, so far. */
  text(): string {
    const end = this.#at < 0 ? this.#size : this.#at
    const [only] = this.#chunks
    if (only && this.#chunks.length === 1) return only.toString('utf8', 0, end)
    return Buffer.concat(this.#chunks).toString('utf8', 0, end)
  }

  /** The exit code after the mark of stdout. */
  code(): number {
    const all =
      this.#chunks.length === 1 && this.#chunks[0] ? this.#chunks[0] : Buffer.concat(this.#chunks)
    const start = this.#at + (this.#mark?.length ?? 0)
    return Number(all.toString('latin1', start, start + CODE_LENGTH - 1))
  }

  #find(mark: Buffer, chunk: Buffer): void {
    const joint = Buffer.concat([this.#tail, chunk.subarray(0, mark.length)])
    const early = joint.indexOf(mark)
    const late = early < 0 ? chunk.indexOf(mark) : -1
    if (early >= 0) this.#at = this.#size - this.#tail.length + early
    else if (late >= 0) this.#at = this.#size + late
  }
}

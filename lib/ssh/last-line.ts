/** A longer line is left out: cut, a secret in it would no longer match. */
const LONGEST = 4096
/** At most so often a line is passed on. */
const EVERY_MS = 250

/**
 * Follows what a command prints and passes on its last complete line, at most four times a second. A line ends with a
 * newline, or, for a progress bar, with a carriage return: then it is passed on from its begin, with all its states.
 */
export class LastLine {
  readonly #say: (line: string) => void
  #begun: Buffer = Buffer.alloc(0)
  /** The present line is too long. */
  #skips = false
  #last: string | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(say: (line: string) => void) {
    this.#say = say
  }

  push(chunk: Buffer): void {
    const text = Buffer.concat([this.#begun, chunk])
    const newline = text.lastIndexOf(10)
    const open = text.subarray(newline + 1)
    const whole = newline < 0 ? undefined : lastOf(text.subarray(0, newline), this.#skips)
    if (newline >= 0) this.#skips = false
    const state = this.#skips ? undefined : barOf(open)
    this.#tell(state ?? whole)
    this.#skips ||= open.length > LONGEST
    this.#begun = this.#skips ? Buffer.alloc(0) : Buffer.from(open)
  }

  /** The command has ended. */
  end(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#last = undefined
  }

  #tell(line: string | undefined): void {
    if (line === undefined) return
    this.#last = line
    if (this.#timer) return
    this.#flush()
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      if (this.#last !== undefined) this.#tell(this.#last)
    }, EVERY_MS).unref()
  }

  #flush(): void {
    const line = this.#last
    this.#last = undefined
    if (line !== undefined) this.#say(line)
  }
}

const isShown = (line: Buffer): boolean =>
  line.length <= LONGEST && !line.includes(0x1e) && line.toString().trim() !== ''

/** The last line that says something. `skips`: the first one began earlier and was too long. */
function lastOf(lines: Buffer, skips: boolean): string | undefined {
  for (let end = lines.length; end >= 0;) {
    const begin = end === 0 ? 0 : lines.lastIndexOf(10, end - 1) + 1
    const line = lines.subarray(begin, end)
    if (isShown(line) && !(begin === 0 && skips)) return line.toString()
    end = begin - 1
  }
  return undefined
}

/** The states of a progress bar up to its last carriage return. */
function barOf(line: Buffer): string | undefined {
  const end = line.lastIndexOf(13)
  const states = line.subarray(0, Math.max(0, end))
  return end > 0 && isShown(states) ? states.toString() : undefined
}

import { Collector, marks, type Limit } from './frame.ts'
import type { Pipe } from './link.ts'
import type { Output } from './types.ts'

/** Bytes of each stream that an error quotes: many, so that its reader can redact secrets before it shortens the text. */
const QUOTED = 64 * 1024

/** Both output streams of the persistent shell, collected up to the marks of the command that is running. */
export class ShellOutput {
  readonly #pipe: Pipe
  readonly #out = new Collector('out')
  readonly #err = new Collector('err')

  /** `onData` gets each piece of output, after it has been collected. */
  constructor(pipe: Pipe, onData: (chunk: Buffer) => void) {
    this.#pipe = pipe
    for (const [stream, collector] of [
      [pipe.stdout, this.#out],
      [pipe.stderr, this.#err],
    ] as const) {
      stream.on('data', (chunk: Buffer) => {
        collector.push(chunk)
        onData(chunk)
      })
      stream.resume()
    }
  }

  /** Collects for command number `n` from now on. */
  expect(word: string, n: number, limit: Limit): void {
    const mark = marks(word, n)
    this.#out.expect(mark.out, limit)
    this.#err.expect(mark.err, limit)
  }

  /** Both streams have reached their mark. */
  get done(): boolean {
    return this.#out.done && this.#err.done
  }

  /** The command has printed more than its limit. */
  get overflow(): boolean {
    return this.#out.overflow || this.#err.overflow
  }

  /** The finished command's result; releases the buffers. */
  take(): Output {
    const output = {
      code: this.#out.code(),
      stdout: this.#out.text(),
      stderr: this.#err.text(),
    }
    this.#out.forget()
    this.#err.forget()
    return output
  }

  /** What the running command has printed on stderr so far. */
  get stderr(): string {
    return this.#err.text()
  }

  /** The end of what the running command has printed, for an error. */
  tail(): string {
    return [this.#out.text(), this.#err.text()]
      .map(text => text.slice(-QUOTED))
      .join('')
      .trim()
  }

  /** Paused streams cost this side nothing: the channel's window fills, and the command blocks in write(2). */
  pause(): void {
    this.#pipe.stdout.pause()
    this.#pipe.stderr.pause()
  }

  resume(): void {
    this.#pipe.stdout.resume()
    this.#pipe.stderr.resume()
  }
}

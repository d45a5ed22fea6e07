import type { Readable } from 'node:stream'
import { TaskError } from '../errors.ts'

/** Most bytes of standard input that fmc keeps for hosts whose turn comes later. */
const MOST = 64 * 1024 * 1024

/**
 * One standard input for many readers. Each reader gets all bytes from the beginning, as they arrive. Reading starts with the
 * first reader. Input of more than `most` bytes is an error for all of them.
 */
export class SharedInput {
  readonly #stream: Readable
  readonly #most: number
  readonly #chunks: Buffer[] = []
  #state: 'unread' | 'reading' | 'ended' = 'unread'
  #error: Error | undefined
  #wake: (() => void)[] = []

  constructor(stream: Readable, most = MOST) {
    this.#stream = stream
    this.#most = most
  }

  async *reader(): AsyncGenerator<Buffer, void, undefined> {
    this.#start()
    for (let at = 0; ;) {
      const chunk = this.#chunks[at]
      if (this.#error) throw this.#error
      if (chunk) {
        at++
        yield chunk
      } else if (this.#state === 'ended') return
      else await new Promise<void>(resolve => this.#wake.push(resolve))
    }
  }

  /** Stops reading, so that an input that never ends does not keep the process alive. */
  close(): void {
    if (this.#state === 'reading') this.#stream.destroy()
  }

  #start(): void {
    if (this.#state !== 'unread') return
    this.#state = 'reading'
    let size = 0
    const news = (): void => {
      for (const wake of this.#wake.splice(0)) wake()
    }
    this.#stream.on('data', (chunk: Buffer | string) => {
      size += chunk.length
      if (size > this.#most)
        this.#error ??= new TaskError(`standard input has more than ${this.#most / 1024 ** 2} MB`, {
          hint: 'fmc copy FILE PATTERN:FILE brings a larger file to the hosts',
        })
      else this.#chunks.push(Buffer.from(chunk))
      if (this.#error) this.#stream.destroy()
      news()
    })
    this.#stream.once('end', () => {
      this.#state = 'ended'
      news()
    })
    this.#stream.once('error', error => {
      this.#error ??= new TaskError(`standard input cannot be read: ${error.message}`)
      news()
    })
  }
}

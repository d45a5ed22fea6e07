/** Writes text to a stream in order and without loss, also when a slow reader's pipe is full. */
interface Writer {
  write(text: string): void
  /** Resolves when everything has been handed to the system, or the reader is gone. */
  end(): Promise<void>
}

/**
 * Queues text while the stream is full and writes it at `drain`. A reader that closes its end (`| head`) is not an error:
 * the rest is dropped. `end` leaves the stream itself open.
 */
export const createWriter = (stream: NodeJS.WritableStream): Writer => {
  let queue: string[] = []
  let full = false
  let gone = false
  let idle: (() => void)[] = []

  const wake = (): void => {
    idle.forEach(done => done())
    idle = []
  }
  /** False: the stream is full now. */
  const send = (text: string): boolean => {
    full = !stream.write(text)
    if (full) stream.once('drain', drained)
    return !full
  }
  const drained = (): void => {
    full = false
    const text = queue.join('')
    queue = []
    if (text === '' || send(text)) wake()
  }
  const lost = (): void => {
    gone = true
    queue = []
    wake()
  }
  stream.on('error', lost)
  stream.on('close', lost)

  return {
    write(text) {
      if (gone) return
      if (full) queue.push(text)
      else send(text)
    },
    async end() {
      if (full && !gone) await new Promise<void>(done => idle.push(done))
      if (!gone)
        await new Promise<void>(done => {
          idle.push(done)
          stream.write('', wake)
        })
      stream.off('close', lost)
    },
  }
}

import net from 'node:net'

/** How long an address may take to answer before it counts as silent. */
const SILENT_MS = 500

/**
 * Opens a TCP connection with Nagle's algorithm off from the start: ssh2 leaves it on, which costs 40 ms per exchange
 * and doubles the time to connect. `family`: ssh_config's AddressFamily, 0 for any. Aborting `giveUp` cancels the attempt.
 * `onSilent` is called if nothing has answered for SILENT_MS. Rejects with the socket's error.
 */
export const dial = (
  host: string,
  port: number,
  timeoutMs: number,
  {
    family = 0,
    giveUp,
    onSilent,
  }: {
    readonly family?: 0 | 4 | 6 | undefined
    readonly giveUp?: AbortSignal | undefined
    readonly onSilent?: (() => void) | undefined
  } = {},
): Promise<net.Socket> =>
  new Promise((resolve, reject) => {
    const version = net.isIP(host)
    if (family !== 0 && version !== 0 && version !== family) {
      reject(new Error(`AddressFamily in ssh_config excludes IPv${version}`))
      return
    }
    const socket = net.connect({ host, port, family, noDelay: true })
    // In a busy process the answer may be there already when the time is over: it is read before the immediate runs.
    const silence = setTimeout(() => {
      setImmediate(() => {
        if (socket.connecting) onSilent?.()
      })
    }, SILENT_MS)
    const fail = (error: Error): void => {
      clearTimeout(silence)
      clearTimeout(timer)
      giveUp?.removeEventListener('abort', cancel)
      socket.destroy()
      reject(error)
    }
    const cancel = (): void => fail(new Error('connection attempt cancelled'))
    giveUp?.addEventListener('abort', cancel)
    const timer = setTimeout(
      () => fail(new Error(`no answer within ${timeoutMs / 1000} s`)),
      timeoutMs,
    )
    socket.once('error', fail)
    socket.once('connect', () => {
      clearTimeout(silence)
      clearTimeout(timer)
      giveUp?.removeEventListener('abort', cancel)
      socket.off('error', fail)
      resolve(socket)
    })
  })

interface Entry<T> {
  readonly thing: Promise<T>
  users: number
}

/** Things that several users share by name. Each is opened for its first user and closed after its last one. */
export class Shared<T> {
  readonly #entries = new Map<string, Entry<T>>()
  readonly #close: (thing: T) => void

  constructor(close: (thing: T) => void) {
    this.#close = close
  }

  /** Every caller must call `release` once. */
  async use(name: string, open: () => Promise<T>): Promise<{ thing: T; release: () => void }> {
    const entry = this.#entries.get(name) ?? { thing: open(), users: 0 }
    this.#entries.set(name, entry)
    entry.users++
    try {
      const thing = await entry.thing
      const release = (): void => {
        if (--entry.users > 0) return
        this.#drop(name, entry)
        this.#close(thing)
      }
      return { thing, release }
    } catch (error) {
      this.#drop(name, entry)
      throw error
    }
  }

  /** For a broken thing: the next `use` opens another one. */
  forget(name: string): void {
    this.#entries.delete(name)
  }

  #drop(name: string, entry: Entry<T>): void {
    if (this.#entries.get(name) === entry) this.#entries.delete(name)
  }
}

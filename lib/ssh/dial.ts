import net from 'node:net'

/**
 * A TCP connection without Nagle's algorithm from the start: ssh2 leaves it on, which costs 40 ms per exchange
 * and doubles the time to connect. `family` as in ssh_config's AddressFamily, 0 for any. Rejects with the socket's error.
 */
export const dial = (
  host: string,
  port: number,
  timeoutMs: number,
  family: 0 | 4 | 6 = 0,
  giveUp?: AbortSignal,
): Promise<net.Socket> =>
  new Promise((resolve, reject) => {
    const version = net.isIP(host)
    if (family !== 0 && version !== 0 && version !== family) {
      reject(new Error(`AddressFamily in ssh_config leaves IPv${version} out`))
      return
    }
    const socket = net.connect({ host, port, family, noDelay: true })
    const fail = (error: Error): void => {
      clearTimeout(timer)
      socket.destroy()
      reject(error)
    }
    const leave = (): void => fail(new Error('nobody waited for it'))
    giveUp?.addEventListener('abort', leave)
    const timer = setTimeout(
      () => fail(new Error(`no answer within ${timeoutMs / 1000} s`)),
      timeoutMs,
    )
    socket.once('error', fail)
    socket.once('connect', () => {
      clearTimeout(timer)
      giveUp?.removeEventListener('abort', leave)
      socket.off('error', fail)
      resolve(socket)
    })
  })

interface Entry<T> {
  readonly thing: Promise<T>
  users: number
}

/** Something that several users share and that is closed when the last one lets go. */
export class Shared<T> {
  readonly #entries = new Map<string, Entry<T>>()
  readonly #close: (thing: T) => void

  constructor(close: (thing: T) => void) {
    this.#close = close
  }

  /** `release` once per `use`. */
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

  /** Nobody new shall get this one: it is broken. */
  forget(name: string): void {
    this.#entries.delete(name)
  }

  #drop(name: string, entry: Entry<T>): void {
    if (this.#entries.get(name) === entry) this.#entries.delete(name)
  }
}

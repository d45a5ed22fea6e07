import type ssh2 from 'ssh2'
import { UnreachableError } from '../errors.ts'
import type { Route } from './config.ts'
import { reasonOf, where } from './errors.ts'
import type { Ending, Link, Pipe } from './link.ts'
import type { Connected } from './types.ts'

/** The algorithms that ssh2 and the host have agreed upon; @types/ssh2 does not know the event's argument. */
export interface Negotiated {
  readonly kex: string
  readonly serverHostKey: string
  readonly sc: { readonly cipher: string; readonly mac: string }
}

/** A logged-in connection of ssh2. `again`: opens another one like it. */
export class Ssh2Link implements Link {
  readonly #client: ssh2.Client
  readonly #route: Route
  readonly #again: () => Promise<ssh2.Client>
  readonly #agreed: Negotiated | undefined
  /** Connections for processes that the first one takes no more. */
  readonly #more = new Set<ssh2.Client>()
  #lost: string | undefined
  #used = false

  constructor(
    client: ssh2.Client,
    route: Route,
    again: () => Promise<ssh2.Client>,
    agreed: Negotiated | undefined,
  ) {
    this.#client = client
    this.#route = route
    this.#again = again
    this.#agreed = agreed
    client.on('error', error => {
      this.#lost ??= /keepalive/i.test(error.message) ? 'it stopped answering' : reasonOf(error)
    })
    client.on('close', () => {
      this.#lost ??= 'the connection was closed'
    })
  }

  connected(): Promise<Connected> {
    const agreed = this.#agreed
    return Promise.resolve({
      transport: 'ssh2',
      why: undefined,
      kex: agreed?.kex,
      hostKey: agreed?.serverHostKey,
      cipher: agreed?.sc.cipher,
      mac: agreed?.sc.mac || undefined,
    })
  }

  explain(): Promise<UnreachableError> {
    return Promise.resolve(
      new UnreachableError(
        `${where(this.#route)}: connection lost: ${this.#lost ?? 'the channel was closed'}`,
      ),
    )
  }

  /** A host with MaxSessions 1 (sshd_config(5)) takes one process per connection: the next one gets a connection of its own. */
  async exec(command: string): Promise<Pipe> {
    try {
      const started = await execOn(this.#client, command)
      this.#used = true
      return started
    } catch (error) {
      if (!this.#used || !isRefused(error) || this.#lost !== undefined) throw this.#failure(error)
    }
    const client = await this.#again()
    this.#more.add(client)
    const done = (): void => {
      this.#more.delete(client)
      hangUp(client)
    }
    try {
      const started = await execOn(client, command)
      void started.ended.then(done)
      return started
    } catch (error) {
      done()
      throw this.#failure(error)
    }
  }

  #failure(error: unknown): UnreachableError {
    return new UnreachableError(
      `${where(this.#route)}: cannot start a process: ${this.#lost ?? reasonOf(error)}`,
    )
  }

  close(): void {
    for (const client of [this.#client, ...this.#more]) hangUp(client)
  }
}

const hangUp = (client: ssh2.Client): void => {
  client.end()
  setTimeout(() => client.destroy(), 1000).unref() // do not wait for a host that has stopped answering
}

/** Did the host refuse to open a channel (RFC 4254 §5.1)? Only that error of ssh2 has a reason. */
const isRefused = (error: unknown): boolean => error instanceof Error && 'reason' in error

const execOn = (client: ssh2.Client, command: string): Promise<Pipe> =>
  new Promise((resolve, reject) => {
    const closed = (): void => reject(new Error('the connection was closed'))
    client.once('close', closed)
    try {
      client.exec(command, (error, channel) => {
        client.off('close', closed)
        if (error) reject(error)
        else resolve(pipe(channel))
      })
    } catch (error) {
      reject(error instanceof Error ? error : new Error(String(error))) // ssh2 throws "Not connected"
    }
  })

const pipe = (channel: ssh2.ClientChannel): Pipe => {
  const ended = new Promise<Ending>(resolve => {
    let code: number | undefined
    let signal: string | undefined
    channel.on('exit', (c: number | null, s?: string) => {
      code = c ?? undefined
      signal = s === undefined ? undefined : `SIG${s.replace(/^SIG/, '')}`
    })
    channel.on('close', () => resolve({ code, signal }))
  })
  channel.on('error', () => undefined)
  return {
    stdin: channel,
    stdout: channel,
    stderr: channel.stderr,
    ended,
    destroy: () => {
      channel.close()
    },
  }
}

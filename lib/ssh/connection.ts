import type { Duplex } from 'node:stream'
import { NodeSSH } from 'node-ssh'
import ssh2 from 'ssh2'
import { UnreachableError } from '../errors.ts'
import type { Route } from './config.ts'
import {
  authError,
  hostKeyError,
  keylessError,
  reasonOf,
  shortKeyError,
  unreachable,
  where,
} from './errors.ts'
import { dial, Shared } from './dial.ts'
import { hostKeyOrder, judgeHost, knownFor, loadKnownHosts, type KnownHost } from './known-hosts.ts'
import { tooShort } from './algorithms.ts'
import type { Ending, Limits, Link, Pipe } from './link.ts'
import type { Connected } from './types.ts'
import { loginsOf } from './logins.ts'

/** Connects and logs in with ssh2, through the route's jump hosts. Rejects with UnreachableError. */
export const connect = async (route: Route, limits: Limits): Promise<Link> => {
  let agreed: Negotiated | undefined
  const client = await login(route, limits, now => (agreed ??= now))
  return new Ssh2Link(client, route, () => login(route, limits), agreed)
}

/** The algorithms that ssh2 and the host have agreed upon; @types/ssh2 does not know the event's argument. */
interface Negotiated {
  readonly kex: string
  readonly serverHostKey: string
  readonly sc: { readonly cipher: string; readonly mac: string }
}

const login = async (
  route: Route,
  limits: Limits,
  onHandshake: (agreed: Negotiated) => void = () => undefined,
): Promise<ssh2.Client> => {
  const timeoutMs = route.target.connectTimeoutMs ?? limits.connectMs
  const [logins, entries] = await Promise.all([
    loginsOf(route),
    loadKnownHosts(route.knownHostsFiles),
  ])
  if (logins.methods.length === 0) throw keylessError(route, logins.tried, logins.files)
  const mine = knownFor(entries, route.known.name)
  const { sock, release } = await reach(route, timeoutMs, limits)
  takesAnswers(sock)
  let refused: UnreachableError | undefined
  const ssh = new NodeSSH()
  const ready = ssh.connect({
    sock,
    username: route.target.user,
    authHandler: logins.methods,
    algorithms: offer(route, mine),
    hostVerifier: (key: Buffer): boolean => {
      if (tooShort(key, route.algorithms)) {
        refused = shortKeyError(route, key)
        return false
      }
      const verdict = judgeHost(entries, route.known, key)
      if (verdict.kind !== 'known') refused = hostKeyError(route, key, verdict)
      return verdict.kind === 'known'
    },
    keepaliveInterval: limits.keepaliveMs,
    keepaliveCountMax: limits.keepaliveCount,
    readyTimeout: timeoutMs,
  })
  const client = ssh.connection
  if (!client) throw new Error('node-ssh made no connection')
  client.on('error', () => undefined) // node-ssh listens only until it is ready
  client.once('handshake', onHandshake as () => void)
  client.once('close', release)
  try {
    await ready
  } catch (error) {
    sock.destroy()
    if (refused) throw refused
    if (!isAuth(error)) throw unreachable(route, error)
    throw authError(
      route,
      logins.tried,
      logins.files,
      error.level === 'agent' ? error.message : undefined,
    )
  }
  return client
}

/** The most packets that may wait for the host to read them. An honest host has a few hundred: the windows of its channels. */
const MOST_WAITING = 10_000

/**
 * ssh2 answers every request of a host and keeps the answers, 1 KB each, until the host reads them. This ends the
 * connection to a host that keeps asking and does not read.
 */
export const takesAnswers = (sock: Duplex): void => {
  const write = sock.write.bind(sock) as (data: Uint8Array, done: () => void) => boolean
  let waiting = 0
  sock.write = (data: Uint8Array): boolean => {
    if (++waiting > MOST_WAITING) sock.destroy(new Error('it does not read our answers'))
    return write(data, () => waiting--)
  }
}

/** The lists hold ssh2's own names (algorithms.ts); the cast is there because its types list them as literals. */
const offer = ({ algorithms }: Route, mine: readonly KnownHost[]): ssh2.Algorithms =>
  ({
    kex: algorithms.kex,
    cipher: algorithms.cipher,
    hmac: algorithms.hmac,
    serverHostKey: hostKeyOrder(mine, algorithms.serverHostKey),
  }) as ssh2.Algorithms

/** What ssh2 lacks, when the connection failed because it and the host share no algorithm of some kind. */
export const noneInCommon = (error: unknown): string | undefined => {
  const cause = error instanceof UnreachableError ? error.cause : undefined
  const [, kind] = /no matching (.+)/.exec(cause instanceof Error ? cause.message : '') ?? []
  return kind === undefined ? undefined : `any ${kind} of the host`
}

const isAuth = (error: unknown): error is Error & { level: string } =>
  error instanceof Error &&
  'level' in error &&
  (error.level === 'client-authentication' || error.level === 'agent')

interface Reached {
  readonly sock: Duplex
  readonly release: () => void
}

/** The process makes one connection per jump host: one per target would exceed its MaxStartups. */
const jumpHosts = new Shared<ssh2.Client>(client => client.end())

const reach = async (route: Route, timeoutMs: number, limits: Limits): Promise<Reached> => {
  const last = route.jumps.at(-1)
  if (!last) {
    const sock = await dial(
      route.host,
      route.target.port,
      timeoutMs,
      route.family,
      route.target.giveUp,
    ).catch((error: unknown) => Promise.reject(unreachable(route, error)))
    return { sock, release: () => undefined }
  }
  const name = route.jumps.map(j => `${j.target.user}@${j.host}:${j.target.port}`).join(',')
  const { thing: client, release } = await jumpHosts.use(name, async () => {
    const opened = await login({ ...last, jumps: route.jumps.slice(0, -1) }, limits)
    opened.once('close', () => jumpHosts.forget(name))
    return opened
  })
  return new Promise((resolve, reject) => {
    const failed = (error: unknown): void => {
      release()
      reject(unreachable(route, `${where(last)} cannot connect there: ${reasonOf(error)}`))
    }
    try {
      client.forwardOut('127.0.0.1', 0, route.host, route.target.port, (error, channel) => {
        if (error) failed(error)
        else resolve({ sock: channel, release })
      })
    } catch (error) {
      failed(error) // ssh2 throws "Not connected"
    }
  })
}

class Ssh2Link implements Link {
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
      reject(error as Error) // ssh2 throws "Not connected"
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

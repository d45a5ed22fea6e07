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
import {
  hostKeyOrder,
  judge,
  knownFor,
  knownName,
  loadKnownHosts,
  type KnownHost,
} from './known-hosts.ts'
import { tooShort } from './algorithms.ts'
import type { Ending, Limits, Link, Pipe } from './link.ts'
import { loginsOf } from './logins.ts'

/** Connects and logs in with ssh2, through the route's jump hosts. Rejects with UnreachableError. */
export const connect = async (route: Route, limits: Limits): Promise<Link> =>
  new Ssh2Link(await login(route, limits), route)

const login = async (route: Route, limits: Limits): Promise<ssh2.Client> => {
  const timeoutMs = route.target.connectTimeoutMs ?? limits.connectMs
  const [logins, entries] = await Promise.all([
    loginsOf(route),
    loadKnownHosts(route.knownHostsFiles),
  ])
  if (logins.methods.length === 0) throw keylessError(route, logins.tried, logins.files)
  const mine = knownFor(entries, knownName(route.knownAs, route.target.port))
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
      const verdict = judge(mine, key)
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

/** Did the connection fail because ssh2 and the host share no algorithm of some kind? */
export const noneInCommon = (error: unknown): boolean =>
  error instanceof UnreachableError &&
  error.cause instanceof Error &&
  error.cause.message.includes('no matching ')

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
  #lost: string | undefined

  constructor(client: ssh2.Client, route: Route) {
    this.#client = client
    this.#route = route
    client.on('error', error => {
      this.#lost ??= /keepalive/i.test(error.message) ? 'it stopped answering' : reasonOf(error)
    })
    client.on('close', () => {
      this.#lost ??= 'the connection was closed'
    })
  }

  explain(): Promise<UnreachableError> {
    return Promise.resolve(
      new UnreachableError(
        `${where(this.#route)}: connection lost: ${this.#lost ?? 'the channel was closed'}`,
      ),
    )
  }

  exec(command: string): Promise<Pipe> {
    return new Promise((resolve, reject) => {
      const failed = (error: unknown): void =>
        reject(
          new UnreachableError(
            `${where(this.#route)}: cannot start a process: ${this.#lost ?? reasonOf(error)}`,
          ),
        )
      const closed = (): void => failed('the connection was closed')
      this.#client.once('close', closed)
      try {
        this.#client.exec(command, (error, channel) => {
          this.#client.off('close', closed)
          if (error) failed(error)
          else resolve(pipe(channel))
        })
      } catch (error) {
        failed(error) // ssh2 throws "Not connected"
      }
    })
  }

  close(): void {
    this.#client.end()
    const client = this.#client
    setTimeout(() => client.destroy(), 1000).unref() // do not wait for a host that has stopped answering
  }
}

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

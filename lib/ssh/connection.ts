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
import type { Limits, Link } from './link.ts'
import { loginsOf } from './logins.ts'
import { Ssh2Link, type Negotiated } from './ssh2-link.ts'

/** Connects and logs in with ssh2, through the route's jump hosts. Rejects with UnreachableError. */
export const connect = async (route: Route, limits: Limits): Promise<Link> => {
  let agreed: Negotiated | undefined
  const client = await login(route, limits, now => (agreed ??= now))
  return new Ssh2Link(client, route, () => login(route, limits), agreed)
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
  writesTogether(sock)
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

/**
 * ssh2 writes the length, the content and the tag of each packet by themselves. Without Nagle's algorithm each would be a system
 * call and a TCP segment, and would wake the host. This sends together all that is written before the process does something else.
 */
export const writesTogether = (sock: Duplex): void => {
  const write = sock.write.bind(sock) as (data: Uint8Array, done?: () => void) => boolean
  let held = false
  sock.write = ((data: Uint8Array, done?: () => void): boolean => {
    if (!held) {
      held = true
      sock.cork()
      process.nextTick(() => {
        held = false
        sock.uncork()
      })
    }
    return write(data, done)
  }) as typeof sock.write
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
    const { port, giveUp, onSilent } = route.target
    const sock = await dial(route.host, port, timeoutMs, {
      ...{ family: route.family, giveUp, onSilent },
    }).catch((error: unknown) => Promise.reject(unreachable(route, error)))
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

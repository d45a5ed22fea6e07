import net from 'node:net'
import type { Duplex } from 'node:stream'
import { NodeSSH, type Config } from 'node-ssh'
import ssh2 from 'ssh2'
import { UnreachableError } from '../errors.ts'
import type { Route } from './config.ts'
import { authError, hostKeyError, reasonOf, unreachable, where } from './errors.ts'
import { identityFile } from './keys.ts'
import {
  hostKeyOrder,
  judge,
  knownFor,
  knownName,
  loadKnownHosts,
  type Verdict,
} from './known-hosts.ts'
import type { Ending, Limits, Link, Pipe } from './link.ts'

/** Ways to log in, in the order they are tried, and their names for an error. */
interface Logins {
  readonly methods: ssh2.AuthMethod[]
  readonly tried: readonly string[]
}

/** Connects and authenticates with ssh2, through jump hosts if there are any. Rejects with UnreachableError. */
export const connect = async (route: Route, limits: Limits): Promise<Link> => {
  const client = await login(route, limits)
  return new Ssh2Link(client.client, route, client.release)
}

interface LoggedIn {
  readonly client: ssh2.Client
  readonly release: () => void
}

const login = async (route: Route, limits: Limits): Promise<LoggedIn> => {
  const timeoutMs = route.target.connectTimeoutMs ?? limits.connectMs
  const [logins, entries] = await Promise.all([
    loginsOf(route),
    loadKnownHosts(route.knownHostsFiles),
  ])
  if (logins.methods.length === 0) throw authError(route, logins.tried)
  const mine = knownFor(entries, knownName(route.knownAs, route.target.port))
  const { sock, release } = await reach(route, timeoutMs, limits)
  let refused: UnreachableError | undefined
  const config: Config = {
    sock: sock as never, // any duplex stream will do
    username: route.target.user,
    authHandler: logins.methods,
    algorithms: { serverHostKey: hostKeyOrder(mine) },
    hostVerifier: (key: Buffer): boolean => {
      const verdict: Verdict = judge(mine, key)
      if (verdict.kind !== 'known') refused = hostKeyError(route, key, verdict)
      return verdict.kind === 'known'
    },
    keepaliveInterval: limits.keepaliveMs,
    keepaliveCountMax: limits.keepaliveCount,
    readyTimeout: timeoutMs,
  }
  const ssh = new NodeSSH()
  const ready = ssh.connect(config)
  const client = ssh.connection
  client?.on('error', () => undefined) // from here on somebody always listens
  try {
    await ready
  } catch (error) {
    sock.destroy()
    release()
    if (refused) throw refused
    if (isAuth(error))
      throw authError(route, logins.tried, error.level === 'agent' ? error.message : undefined)
    throw unreachable(route, error)
  }
  if (!client) throw unreachable(route, 'no connection')
  return { client, release }
}

const isAuth = (error: unknown): error is Error & { level: string } =>
  error instanceof Error &&
  'level' in error &&
  (error.level === 'client-authentication' || error.level === 'agent')

/** Keys first, as they are named; then the agent. Encrypted keys are the agent's business. */
const loginsOf = async (route: Route): Promise<Logins> => {
  const username = route.target.user
  const methods: ssh2.AuthMethod[] = []
  const tried: string[] = []
  for (const file of await Promise.all(route.identityFiles.map(identityFile))) {
    if (file.text === undefined) {
      if (route.target.identityFiles) tried.push(`${file.path} (cannot be read)`)
      continue
    }
    const key = parsed(file.path, file.text)
    if (key instanceof Error) {
      tried.push(
        `${file.path} (${/encrypted|passphrase/i.test(key.message) ? 'encrypted: add it to the agent with ssh-add' : key.message})`,
      )
      continue
    }
    methods.push({ type: 'publickey', username, key } as ssh2.AuthMethod)
    tried.push(file.path)
  }
  if (route.agent !== undefined && route.agent !== '') {
    methods.push({ type: 'agent', username, agent: route.agent } as ssh2.AuthMethod)
    tried.push(`agent ${route.agent}`)
  }
  return { methods, tried }
}

const keys = new Map<string, ssh2.ParsedKey | Error>()

const parsed = (path: string, text: string): ssh2.ParsedKey | Error => {
  const found = keys.get(path) ?? first(ssh2.utils.parseKey(text))
  keys.set(path, found)
  return found
}

const first = (key: ssh2.ParsedKey | ssh2.ParsedKey[] | Error): ssh2.ParsedKey | Error =>
  Array.isArray(key) ? (key[0] ?? new Error('no key in the file')) : key

interface Reached {
  readonly sock: Duplex
  readonly release: () => void
}

const reach = async (route: Route, timeoutMs: number, limits: Limits): Promise<Reached> => {
  const last = route.jumps.at(-1)
  if (!last) return { sock: await dial(route, timeoutMs), release: () => undefined }
  const through = await jump(route.jumps, limits)
  try {
    const sock = await new Promise<Duplex>((resolve, reject) => {
      through.client.forwardOut('127.0.0.1', 0, route.host, route.target.port, (error, channel) => {
        if (error)
          reject(
            new UnreachableError(
              `cannot reach ${where(route)} by way of ${where(last)}: ${reasonOf(error)}`,
            ),
          )
        else resolve(channel)
      })
    })
    return { sock, release: through.release }
  } catch (error) {
    through.release()
    throw error
  }
}

/** ssh2 leaves Nagle's algorithm on, which costs 40 ms per exchange: the socket is ours, without it from the start. */
const dial = (route: Route, timeoutMs: number): Promise<net.Socket> =>
  new Promise((resolve, reject) => {
    const socket = net.connect({ host: route.host, port: route.target.port, noDelay: true })
    const fail = (error: unknown): void => {
      clearTimeout(timer)
      socket.destroy()
      reject(unreachable(route, error))
    }
    const timer = setTimeout(() => fail(`no answer within ${timeoutMs / 1000} s`), timeoutMs)
    socket.once('error', fail)
    socket.once('connect', () => {
      clearTimeout(timer)
      socket.off('error', fail)
      resolve(socket)
    })
  })

interface Shared {
  readonly client: Promise<LoggedIn>
  users: number
}

const shared = new Map<string, Shared>()

/** One connection per jump host for the whole process: a hundred would run into its MaxStartups. */
const jump = async (jumps: readonly Route[], limits: Limits): Promise<LoggedIn> => {
  const last = jumps.at(-1)
  if (!last) throw new Error('no jump host')
  const name = jumps.map(j => `${j.target.user}@${j.host}:${j.target.port}`).join(',')
  const entry = shared.get(name) ?? {
    client: login({ ...last, jumps: jumps.slice(0, -1) }, limits),
    users: 0,
  }
  shared.set(name, entry)
  entry.users++
  const forget = (): void => {
    if (shared.get(name) === entry) shared.delete(name)
  }
  try {
    const { client, release } = await entry.client
    client.once('close', forget)
    const done = (): void => {
      if (--entry.users > 0) return
      forget()
      client.end()
      release()
    }
    return { client, release: done }
  } catch (error) {
    forget()
    throw error
  }
}

class Ssh2Link implements Link {
  readonly #client: ssh2.Client
  readonly #route: Route
  #lost: string | undefined

  constructor(client: ssh2.Client, route: Route, release: () => void) {
    this.#client = client
    this.#route = route
    client.on('error', error => {
      this.#lost ??= /keepalive/i.test(error.message) ? 'it stopped answering' : reasonOf(error)
    })
    client.on('close', () => {
      this.#lost ??= 'the connection was closed'
      release()
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

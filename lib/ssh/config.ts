import { execFile } from 'node:child_process'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { UnreachableError } from '../errors.ts'
import type { Target } from './types.ts'

/** A target with everything that OpenSSH's configuration adds to it. */
export interface Route {
  readonly target: Target
  /** Where to connect. */
  readonly host: string
  /** The name to look up in known_hosts (HostKeyAlias, else the host). */
  readonly knownAs: string
  readonly identityFiles: readonly string[]
  readonly knownHostsFiles: readonly string[]
  /** Path of the agent's socket. */
  readonly agent: string | undefined
  readonly identitiesOnly: boolean
  readonly certificateFiles: readonly string[]
  readonly proxyCommand: string | undefined
  /** Hosts to go through, nearest first. */
  readonly jumps: readonly Route[]
}

type Answers = ReadonlyMap<string, readonly string[]>

const home = (path: string): string =>
  path.startsWith('~/') ? join(homedir(), path.slice(2)) : path

/** `ssh -G` prints one `keyword value` per line, keywords in lower case, repeated ones on lines of their own. */
export const parseAnswers = (text: string): Answers => {
  const answers = new Map<string, string[]>()
  for (const line of text.split('\n')) {
    const space = line.indexOf(' ')
    if (space < 0) continue
    const key = line.slice(0, space)
    answers.set(key, [...(answers.get(key) ?? []), line.slice(space + 1)])
  }
  return answers
}

const cache = new Map<string, Promise<Answers>>()

const ask = (target: Target): Promise<Answers> => {
  const args = ['-G', '-p', String(target.port), '-l', target.user, '--', target.address]
  const key = args.join(' ')
  const found =
    cache.get(key) ??
    new Promise<Answers>((resolve, reject) => {
      execFile('ssh', args, { maxBuffer: 1 << 20 }, (error, stdout, stderr) => {
        if (!error) resolve(parseAnswers(stdout))
        else if ((error as NodeJS.ErrnoException).code === 'ENOENT')
          resolve(new Map()) // no OpenSSH here: no configuration of it either
        else
          reject(
            new UnreachableError(
              `${target.name}: ssh -G ${target.address}: ${stderr.trim() || error.message}`,
            ),
          )
      })
    })
  cache.set(key, found)
  return found
}

/** A value that is set: ssh prints `none` for some that are not. */
const set = (value: string | undefined): string | undefined =>
  value === undefined || value === 'none' ? undefined : value

const words = (values: readonly string[] | undefined): string[] =>
  (values ?? [])
    .flatMap(v => v.split(/\s+/))
    .filter(v => v !== '' && v !== 'none')
    .map(home)

const DEFAULT_KEYS = ['id_ed25519', 'id_ecdsa', 'id_rsa'].map(name => join(homedir(), '.ssh', name))
const DEFAULT_KNOWN_HOSTS = [join(homedir(), '.ssh', 'known_hosts'), '/etc/ssh/ssh_known_hosts']

/** Completes a target from OpenSSH's configuration; what the target says itself wins. Rejects with UnreachableError. */
export const resolve = async (target: Target, seen: readonly string[] = []): Promise<Route> => {
  const answers: Answers =
    target.useSshConfig === false ? new Map<string, string[]>() : await ask(target)
  const one = (key: string): string | undefined => set(answers.get(key)?.[0])
  const host = one('hostname') ?? target.address
  const known = [
    ...words(answers.get('userknownhostsfile')),
    ...words(answers.get('globalknownhostsfile')),
  ]
  const identities = answers.get('identityfile')?.map(home)
  const agent = one('identityagent')
  return {
    target,
    host,
    knownAs: one('hostkeyalias') ?? host,
    identityFiles: target.identityFiles ?? identities ?? DEFAULT_KEYS,
    knownHostsFiles: target.knownHostsFiles ?? (known.length > 0 ? known : DEFAULT_KNOWN_HOSTS),
    agent:
      agent === undefined || agent === 'SSH_AUTH_SOCK' ? process.env.SSH_AUTH_SOCK : home(agent),
    identitiesOnly: one('identitiesonly') === 'yes',
    certificateFiles: answers.get('certificatefile')?.map(home) ?? [],
    proxyCommand: one('proxycommand'),
    jumps: await jumps(target, one('proxyjump'), seen),
  }
}

/** [user@]host[:port], several joined by commas; IPv6 addresses in brackets (ssh_config(5), ProxyJump). */
const HOP = /^(?:ssh:\/\/)?(?:([^@]+)@)?(\[[^\]]+\]|[^:[\]]+)(?::(\d+))?$/

const jumps = async (
  target: Target,
  proxyJump: string | undefined,
  seen: readonly string[],
): Promise<Route[]> => {
  const routes: Route[] = []
  for (const text of proxyJump?.split(',') ?? []) {
    const [, user, host, port] = HOP.exec(text.trim()) ?? []
    if (!host)
      throw new UnreachableError(`${target.name}: ProxyJump ${text}: expected [user@]host[:port]`)
    if (seen.includes(text))
      throw new UnreachableError(`${target.name}: ProxyJump ${text} goes through itself`)
    const address = host.replace(/^\[|\]$/g, '')
    const own = await hopDefaults(target, address, user, port)
    routes.push(
      ...(await hop({ ...target, ...own, address }, [...seen, text], routes.length === 0)),
    )
  }
  return routes
}

const hop = async (target: Target, seen: readonly string[], first: boolean): Promise<Route[]> => {
  const route = await resolve(
    { ...target, name: `${target.name} (by way of ${target.address})`, sudo: false },
    seen,
  )
  // Only the first hop may have hops of its own, as with ssh.
  return first ? [...route.jumps, { ...route, jumps: [] }] : [{ ...route, jumps: [] }]
}

const hopDefaults = async (
  target: Target,
  address: string,
  user: string | undefined,
  port: string | undefined,
): Promise<{ user: string; port: number }> => {
  const text = await new Promise<string>(resolve => {
    execFile('ssh', ['-G', '--', address], (error, stdout) => {
      resolve(error ? '' : stdout)
    })
  })
  const answers = parseAnswers(text)
  return {
    user: user ?? answers.get('user')?.[0] ?? target.user,
    port: Number(port ?? answers.get('port')?.[0] ?? 22),
  }
}

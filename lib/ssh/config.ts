import { execFile } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import pLimit from 'p-limit'
import { UnreachableError } from '../errors.ts'
import { algorithmsOf, type Algorithms } from './algorithms.ts'
import { beyondTable, type Answers } from './keywords.ts'
import { checkName } from './names.ts'
import type { Target } from './types.ts'

/** A target completed by OpenSSH's configuration. */
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
  /** IdentitiesOnly: of the agent's keys, use only those that are identity files too. */
  readonly identitiesOnly: boolean
  readonly certificateFiles: readonly string[]
  readonly proxyCommand: string | undefined
  readonly algorithms: Algorithms
  /** AddressFamily: 0 for any. */
  readonly family: 0 | 4 | 6
  /** The first setting that ssh2 cannot follow, as `keyword value`. */
  readonly beyond: string | undefined
  /** ProxyJump: the jump hosts, nearest to the controller first. */
  readonly jumps: readonly Route[]
}

/** Parses `ssh -G`: one `keyword value` per line, keywords in lower case, a repeated keyword on several lines. */
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
const few = pLimit(8)

/** Runs `ssh -G`, so that OpenSSH itself resolves Include, Match and %h. Without OpenSSH installed there are no settings. */
const ask = (name: string, args: readonly string[]): Promise<Answers> => {
  const key = args.join('\0')
  const found =
    cache.get(key) ??
    few(
      () =>
        new Promise<Answers>((resolve, reject) => {
          execFile('ssh', ['-G', ...args], { maxBuffer: 1 << 20 }, (error, stdout, stderr) => {
            if (!error) resolve(parseAnswers(stdout))
            else if (error.code === 'ENOENT') resolve(new Map())
            else
              reject(
                new UnreachableError(
                  `${name}: ssh -G ${args.join(' ')}: ${stderr.trim() || error.message}`,
                ),
              )
          })
        }),
    )
  cache.set(key, found)
  return found
}

/** OpenSSH's own defaults. */
const withoutConfig = (): Promise<Answers> => ask('ssh', ['-F', 'none', '--', PLACEHOLDER])

/** OpenSSH takes it from passwd and ignores $HOME; so does fmc. */
const homedir = (): string => userInfo().homedir

const PLACEHOLDER = 'any-host.invalid'
let plain: Promise<boolean> | undefined

/** Does the configuration treat every host alike (no Host but *, no Match)? Then one `ssh -G` serves all hosts. */
const sameForAll = (): Promise<boolean> => (plain ??= isPlain())

const isPlain = async (): Promise<boolean> => {
  const text = (file: string): Promise<string> => readFile(file, 'utf8').catch(() => '')
  const more = await readdir('/etc/ssh/ssh_config.d').catch(() => [])
  const files = [
    '/etc/ssh/ssh_config',
    ...more.map(f => `/etc/ssh/ssh_config.d/${f}`),
    join(homedir(), '.ssh/config'),
  ]
  const all = (await Promise.all(files.map(text)))
    .join('\n')
    .replace(/^\s*include\s+\/etc\/ssh\/ssh_config\.d\/\*\.conf\s*$/im, '')
  return (
    !/^\s*(match|include|hostname|canonical\w*)\b/im.test(all) &&
    !/^\s*host[\s=]+(?!\*\s*$)/im.test(all) &&
    !all.includes('%')
  )
}

const configOf = async (target: Target, file: string | undefined): Promise<Answers> => {
  if (target.useSshConfig === false) return new Map()
  if (file !== undefined || !(await sameForAll())) {
    const from = file === undefined ? [] : ['-F', file]
    return ask(target.name, [
      ...from,
      '-p',
      String(target.port),
      '-l',
      target.user,
      '--',
      target.address,
    ])
  }
  const answers = await ask(target.name, ['--', PLACEHOLDER])
  return new Map([...answers, ['hostname', [target.address]]])
}

const home = (path: string): string =>
  path.startsWith('~/') ? join(homedir(), path.slice(2)) : path
const words = (values: readonly string[] = []): string[] =>
  values
    .flatMap(v => v.split(/\s+/))
    .filter(v => v !== '' && v !== 'none')
    .map(home)

const DEFAULT_KEYS = ['id_ed25519', 'id_ecdsa', 'id_rsa'].map(name => join(homedir(), '.ssh', name))
const DEFAULT_KNOWN_HOSTS = [join(homedir(), '.ssh', 'known_hosts'), '/etc/ssh/ssh_known_hosts']

const FAMILIES: Readonly<Record<string, 4 | 6>> = { inet: 4, inet6: 6 }

/** Completes a target from OpenSSH's configuration; the target's own settings win. Rejects with UnreachableError. */
export const resolve = async (
  target: Target,
  file?: string,
  seen: readonly string[] = [],
): Promise<Route> => {
  checkName(target.name, 'host', target.address)
  checkName(target.name, 'user', target.user)
  const answers = await configOf(target, file)
  const one = (key: string): string | undefined => answers.get(key)?.find(v => v !== 'none')
  const host = one('hostname') ?? target.address
  checkName(target.name, 'host', host)
  const { algorithms, beyond } = algorithmsOf(answers)
  const known = [
    ...words(answers.get('userknownhostsfile')),
    ...words(answers.get('globalknownhostsfile')),
  ]
  const agent = answers.get('identityagent')?.[0] ?? 'SSH_AUTH_SOCK'
  return {
    target,
    host,
    knownAs: one('hostkeyalias') ?? host,
    identityFiles: target.identityFiles ?? answers.get('identityfile')?.map(home) ?? DEFAULT_KEYS,
    knownHostsFiles: [
      ...(target.knownHostsFiles ?? (known.length > 0 ? known : DEFAULT_KNOWN_HOSTS)),
      ...(target.moreKnownHostsFiles ?? []),
    ],
    agent:
      agent === 'SSH_AUTH_SOCK'
        ? process.env.SSH_AUTH_SOCK
        : agent === 'none'
          ? undefined
          : home(agent),
    identitiesOnly: one('identitiesonly') === 'yes',
    certificateFiles: answers.get('certificatefile')?.map(home) ?? [],
    proxyCommand: one('proxycommand'),
    algorithms,
    family: FAMILIES[one('addressfamily') ?? ''] ?? 0,
    beyond: beyond ?? (await beyondTable(answers, withoutConfig)),
    jumps: await jumpsOf(target, one('proxyjump'), file, seen),
  }
}

/** [user@]host[:port]; IPv6 addresses in brackets (ssh_config(5), ProxyJump). */
const HOP = /^(?:ssh:\/\/)?(?:([^@]+)@)?(\[[^\]]+\]|[^:[\]]+)(?::(\d+))?$/

const jumpsOf = async (
  target: Target,
  proxyJump: string | undefined,
  file: string | undefined,
  seen: readonly string[],
): Promise<Route[]> => {
  const routes: Route[] = []
  for (const text of proxyJump?.split(',').map(h => h.trim()) ?? []) {
    const [, user, host, port] = HOP.exec(text) ?? []
    if (host === undefined)
      throw new UnreachableError(`${target.name}: ProxyJump ${text}: expected [user@]host[:port]`)
    if (seen.includes(text))
      throw new UnreachableError(`${target.name}: ProxyJump ${text} goes through itself`)
    const address = host.replace(/^\[|\]$/g, '')
    checkName(`${target.name}: ProxyJump`, 'host', address)
    const own = await ask(target.name, [...(file === undefined ? [] : ['-F', file]), '--', address])
    const hop: Target = {
      ...target,
      name: `jump host ${address}`,
      address,
      user: user ?? own.get('user')?.[0] ?? target.user,
      port: Number(port ?? own.get('port')?.[0] ?? 22),
      sudo: false,
    }
    const route = await resolve(hop, file, [...seen, text])
    // As in ssh, only the first jump host may have jump hosts of its own.
    if (routes.length === 0) routes.push(...route.jumps)
    routes.push({ ...route, jumps: [] })
  }
  return routes
}

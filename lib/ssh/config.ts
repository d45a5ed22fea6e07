import { join } from 'node:path'
import { UnreachableError } from '../errors.ts'
import { algorithmsOf, type Algorithms } from './algorithms.ts'
import { expand, home, homedir, literal, quoted, withoutConfig } from './ask.ts'
import { beyondTable, nameOf, type Answers } from './keywords.ts'
import { knownNames, type KnownNames } from './known-hosts.ts'
import { checkName } from './names.ts'
import { fileArgs, select } from './selection.ts'
import type { Target } from './types.ts'

export { parseAnswers } from './ask.ts'

/** A target completed by OpenSSH's configuration. */
export interface Route {
  readonly target: Target
  /** Where to connect. */
  readonly host: string
  /** The arguments with which ssh finds the same settings: options, `--` and the name. */
  readonly args: readonly string[]
  /** What to look up in known_hosts. */
  readonly known: KnownNames
  readonly identityFiles: readonly string[]
  /** The user's files, the system's, and those of the target. */
  readonly knownHostsFiles: readonly string[]
  /** Options that make ssh read the target's known_hosts files too. */
  readonly knownHostsOptions: readonly string[]
  /** Path of the agent's socket. */
  readonly agent: string | undefined
  /** IdentitiesOnly: of the agent's keys, use only those that are identity files too. */
  readonly identitiesOnly: boolean
  readonly certificateFiles: readonly string[]
  readonly proxyCommand: string | undefined
  readonly algorithms: Algorithms
  /** AddressFamily: 0 for any. */
  readonly family: 0 | 4 | 6
  /** IgnoreUnknown: patterns of keywords that ssh need not know. */
  readonly ignoreUnknown: readonly string[]
  /** The first setting that ssh2 cannot follow, as `keyword value`. */
  readonly beyond: string | undefined
  /** ProxyJump: the jump hosts, nearest to the controller first. */
  readonly jumps: readonly Route[]
}

const DEFAULT_KEYS = ['id_ed25519', 'id_ecdsa', 'id_rsa'].map(name => join(homedir(), '.ssh', name))

const FAMILIES: Readonly<Record<string, 4 | 6>> = { inet: 4, inet6: 6 }

/** Completes a target from OpenSSH's configuration; the target's own settings win. Rejects with UnreachableError. */
export const resolve = async (
  target: Target,
  file?: string,
  seen: readonly string[] = [],
): Promise<Route> => {
  checkName(target.name, 'user', target.user)
  const { args, answers } = await select(
    {
      ...target,
      port: target.asked?.includes('port') ? undefined : target.port,
      user: target.asked?.includes('user') ? undefined : target.user,
    },
    file,
  )
  const one = (key: string): string | undefined => answers.get(key)?.find(v => v !== 'none')
  const host = one('hostname') ?? target.address
  checkName(target.name, 'host', host)
  const { algorithms, beyond } = algorithmsOf(answers)
  const from = [...fileArgs(file), ...args]
  const keys = await identitiesOf(target, answers, from)
  const certificates = await pathsOf('certificatefile', answers.get('certificatefile') ?? [], from)
  const agent = await agentOf(answers.get('identityagent')?.[0], from)
  const knownHosts = knownHostsOf(target, answers)
  return {
    target,
    host,
    args,
    known: knownNames(answers.get('hostkeyalias')?.[0], host, target.port),
    identityFiles: keys.paths,
    knownHostsFiles: knownHosts.files,
    knownHostsOptions: knownHosts.options,
    agent: agent.path,
    identitiesOnly: one('identitiesonly') === 'yes',
    certificateFiles: certificates.paths,
    proxyCommand: one('proxycommand'),
    algorithms,
    family: FAMILIES[one('addressfamily') ?? ''] ?? 0,
    ignoreUnknown: answers.get('ignoreunknown') ?? [],
    beyond:
      keys.raw ??
      agent.raw ??
      knownHosts.raw ??
      beyond ??
      (await beyondTable(answers, withoutConfig)),
    jumps: await jumpsOf(target, one('proxyjump'), from, file, seen),
  }
}

/** A setting that `ssh -G` leaves raw; `raw`: as `keyword value`, when only ssh knows what it means. */
interface Raw {
  readonly raw: string | undefined
}

type Paths = { readonly paths: readonly string[] } & Raw

const identitiesOf = async (
  { identityFiles = DEFAULT_KEYS, useSshConfig }: Target,
  answers: Answers,
  args: readonly string[],
): Promise<Paths> =>
  useSshConfig === false
    ? { paths: identityFiles.map(home), raw: undefined }
    : pathsOf('identityfile', answers.get('identityfile') ?? identityFiles, args)

const pathsOf = async (
  keyword: string,
  values: readonly string[],
  args: readonly string[],
): Promise<Paths> => {
  const named = values.filter(v => v !== 'none')
  const found = await Promise.all(named.map(v => expand(v, args)))
  const unknown = named.find((_, i) => found[i] === undefined)
  return {
    paths: named.map((v, i) => found[i] ?? v),
    raw: unknown === undefined ? undefined : `${nameOf(keyword)} ${unknown}`,
  }
}

/** IdentityAgent (ssh_config(5)): a path, `none`, SSH_AUTH_SOCK, or `$NAME` of another variable. */
const agentOf = async (
  value: string | undefined = 'SSH_AUTH_SOCK',
  args: readonly string[],
): Promise<{ readonly path: string | undefined } & Raw> => {
  if (value === 'none') return { path: undefined, raw: undefined }
  const variable = value === 'SSH_AUTH_SOCK' ? value : /^\$([A-Za-z_]\w*)$/.exec(value)?.[1]
  if (variable !== undefined) return { path: process.env[variable] || undefined, raw: undefined }
  const path = await expand(value, args)
  return { path, raw: path === undefined ? `${nameOf('identityagent')} ${value}` : undefined }
}

/**
 * The names in a list of files. `ssh -G` prints them without quotes; a part that is not absolute belongs to the name before it, or
 * is a name of its own: only ssh knows.
 */
const filesIn = (text = ''): { readonly files: readonly string[]; readonly exact: boolean } => {
  if (text === '' || text === 'none') return { files: [], exact: true }
  const files = text
    .split(/ (?=[/~])/)
    .filter(f => f !== '')
    .map(home)
  return { files, exact: files.every(f => /^\/\S*$/.test(f)) }
}

/** Without OpenSSH there are no answers. */
const USERS = '~/.ssh/known_hosts'
const SYSTEMS = '/etc/ssh/ssh_known_hosts'

/** Which known_hosts files count, and what to tell ssh so that it reads the same ones. */
const knownHostsOf = (
  target: Target,
  answers: Answers,
): { readonly files: readonly string[]; readonly options: readonly string[] } & Raw => {
  const { knownHostsFiles: own, moreKnownHostsFiles: more = [] } = target
  const option = (keyword: string, names: readonly string[]): string =>
    `${keyword}=${names.map(quoted).join(' ')}`
  // Only UserKnownHostsFile takes tokens.
  const users = (names: readonly string[]): string =>
    option('UserKnownHostsFile', names.map(literal))
  if (own)
    return {
      files: [...own, ...more],
      options: [users([...own, ...more]), 'GlobalKnownHostsFile=/dev/null'],
      raw: undefined,
    }
  const text = answers.get('userknownhostsfile')?.[0] ?? USERS
  const [user, system] = [
    filesIn(text),
    filesIn(answers.get('globalknownhostsfile')?.[0] ?? SYSTEMS),
  ]
  const files = [...user.files, ...system.files, ...more]
  const raw = user.exact && system.exact ? undefined : `${nameOf('userknownhostsfile')} ${text}`
  if (more.length === 0) return { files, options: [], raw }
  const options = system.exact
    ? [option('GlobalKnownHostsFile', [...system.files, ...more])]
    : [users([...user.files, ...more])]
  return { files, options, raw }
}

/** [user@]host[:port]; IPv6 addresses in brackets (ssh_config(5), ProxyJump). */
const HOP = /^(?:ssh:\/\/)?(?:([^@]+)@)?(\[[^\]]+\]|[^:[\]]+)(?::(\d+))?$/

const jumpsOf = async (
  target: Target,
  proxyJump: string | undefined,
  args: readonly string[],
  file: string | undefined,
  seen: readonly string[],
): Promise<Route[]> => {
  const routes: Route[] = []
  for (const raw of proxyJump?.split(',').map(h => h.trim()) ?? []) {
    const text = (await expand(raw, args)) ?? raw
    const [, user, host, port] = HOP.exec(text) ?? []
    if (host === undefined)
      throw new UnreachableError(`${target.name}: ProxyJump ${text}: expected [user@]host[:port]`)
    if (seen.includes(text))
      throw new UnreachableError(`${target.name}: ProxyJump ${text} goes through itself`)
    const address = host.replace(/^\[|\]$/g, '')
    checkName(`${target.name}: ProxyJump`, 'host', address)
    const hop = await jumpTarget(target, { address, user, port }, file)
    const route = await resolve(hop, file, [...seen, text])
    // As in ssh, only the first jump host may have jump hosts of its own.
    if (routes.length === 0) routes.push(...route.jumps)
    routes.push({ ...route, jumps: [] })
  }
  return routes
}

/** Without a User for it, ssh logs in to a jump host as the local user. */
const jumpTarget = async (
  target: Target,
  hop: {
    readonly address: string
    readonly user: string | undefined
    readonly port: string | undefined
  },
  file: string | undefined,
): Promise<Target> => {
  const bare = {
    ...target,
    name: `jump host ${hop.address}`,
    address: hop.address,
    alias: undefined,
    sudo: false,
  }
  const { answers } = await select(
    { ...bare, user: hop.user, port: hop.port === undefined ? undefined : Number(hop.port) },
    file,
  )
  return {
    ...bare,
    user: hop.user ?? answers.get('user')?.[0] ?? target.user,
    port: Number(hop.port ?? answers.get('port')?.[0] ?? 22),
    asked: [
      ...(hop.user === undefined ? (['user'] as const) : []),
      ...(hop.port === undefined ? (['port'] as const) : []),
    ],
  }
}

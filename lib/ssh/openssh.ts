import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { constants } from 'node:os'
import { quoteAll } from '../shell/quote.ts'
import { literal } from './ask.ts'
import type { Route } from './config.ts'
import { unreachable } from './errors.ts'
import { explain } from './openssh-errors.ts'
import type { Ending, Limits, Link, Pipe } from './link.ts'
import type { Connected } from './types.ts'

/** OpenSSH's exit code for its own errors; a remote command may end with the same code (ssh(1)). */
const OWN_ERROR = 255

/** Options that OpenSSH 8.4, the oldest supported on the controller, does not know; IgnoreUnknown makes it skip them. */
const NEWER = ['SessionType=default', 'StdinNull=no', 'ForkAfterAuthentication=no']

const seconds = (ms: number): number => Math.max(1, Math.round(ms / 1000))

/** Options of every ssh: strict host keys whatever the configuration says; without a person no questions. */
const optionsFor = (
  { target, knownHostsOptions }: Route,
  limits: Limits,
  person: Person,
): string[] => [
  ...(person ? ['BatchMode=no'] : ['BatchMode=yes', 'RequestTTY=no', 'EscapeChar=none']),
  'StrictHostKeyChecking=yes',
  'UpdateHostKeys=no',
  'ControlMaster=no',
  'ControlPath=none',
  'ClearAllForwardings=yes',
  'ForwardAgent=no',
  'PermitLocalCommand=no',
  'RemoteCommand=none',
  'LogLevel=ERROR',
  `ConnectTimeout=${seconds(target.connectTimeoutMs ?? limits.connectMs)}`,
  `ServerAliveInterval=${seconds(limits.keepaliveMs)}`,
  `ServerAliveCountMax=${limits.keepaliveCount}`,
  ...knownHostsOptions,
  ...(target.identityFiles ? ['IdentitiesOnly=yes'] : []),
]

/** Who uses an ssh: fmc, or a person with or without a terminal on standard input, who may type a key's passphrase. */
type Person = false | 'terminal' | 'pipe'

/**
 * The arguments of an ssh to a host; `more` goes before its name. -x and -k: the host gets neither this machine's display
 * nor its Kerberos tickets, which ClearAllForwardings does not turn off.
 */
const argumentsFor = (
  route: Route,
  limits: Limits,
  more: readonly string[],
  person: Person = false,
): string[] => {
  const { target } = route
  const config = target.useSshConfig === false ? 'none' : limits.sshConfig
  const jump = proxyCommand(route, limits, person)
  return [
    ...(config === undefined ? [] : ['-F', config]),
    ...optionsFor(route, limits, person).flatMap(o => ['-o', o]),
    ...(jump === undefined ? [] : ['-o', `ProxyCommand=${literal(jump)}`]),
    ...more,
    ...(person === 'terminal' ? ['-t'] : ['-T']),
    ...['-x', '-k', ...route.args],
  ]
}

/**
 * Shell text that connects through the last jump host. ProxyJump would start an ssh without our options; this one is as
 * strict as the ssh to the target, and so is each one before it.
 */
const proxyCommand = (
  { jumps, host, target }: Route,
  limits: Limits,
  person: Person,
): string | undefined => {
  const last = jumps.at(-1)
  if (!last) return undefined
  const to = ['-W', `[${host}]:${target.port}`]
  const through = { ...last, jumps: jumps.slice(0, -1) }
  return `ssh ${quoteAll(argumentsFor(through, limits, to, person && 'pipe'))}`
}

/** What ssh must not take for an error: the options that an older one lacks, and what the user says that it may lack. */
const newer = ({ ignoreUnknown }: Route): readonly string[] =>
  [
    `IgnoreUnknown=${['SessionType', 'StdinNull', 'ForkAfterAuthentication', ...ignoreUnknown].join(',')}`,
    ...NEWER,
  ].flatMap(o => ['-o', o])

/** ssh runs a ProxyCommand in $SHELL. */
const environment = (): NodeJS.ProcessEnv => ({ ...process.env, SHELL: '/bin/sh' })

/**
 * The system's `ssh` to this host, for a person: with this process's terminal and streams, and a terminal on the host if
 * `terminal` is true. It trusts the same host keys as a link does. `command`: shell text instead of the login shell.
 * Resolves with ssh's exit code: that of the shell or command, 255 also if ssh itself failed; 128+n: signal n ended it.
 */
export const sshForPerson = (
  route: Route,
  limits: Limits,
  { terminal, command }: { readonly terminal: boolean; readonly command?: string | undefined },
): Promise<number> =>
  new Promise((resolve, reject) => {
    const args = [
      ...newer(route),
      ...argumentsFor(route, limits, [], terminal ? 'terminal' : 'pipe'),
    ]
    const child = spawn('ssh', [...args, ...(command === undefined ? [] : [command])], {
      stdio: 'inherit',
      env: environment(),
    })
    // Ctrl-C is for ssh and the host.
    const ignore = (): void => undefined
    process.on('SIGINT', ignore)
    child.once('error', error => reject(unreachable(route, `cannot start ssh: ${error.message}`)))
    child.once('close', (code, signal) => {
      process.off('SIGINT', ignore)
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal]))
    })
  })

/**
 * A link over the system's `ssh`, with one child (and one login) per remote process. It connects at the first `exec`.
 * `why`: the reason for OpenSSH, if there is one.
 */
export const openssh = (route: Route, limits: Limits, why?: string): Link => {
  const children = new Set<ChildProcess>()
  const args = [...newer(route), ...argumentsFor(route, limits, [])]
  let reached = false
  return {
    exec: command =>
      new Promise((resolve, reject) => {
        // In a session of its own: fmc handles Ctrl-C on the terminal, not ssh.
        const child = spawn('ssh', [...args, command], {
          stdio: ['pipe', 'pipe', 'pipe'],
          detached: true,
          env: environment(),
        })
        children.add(child)
        child.once('close', () => {
          children.delete(child)
          reached ||= 'bytesRead' in child.stdout && Number(child.stdout.bytesRead) > 0
        })
        child.once('error', error =>
          reject(unreachable(route, `cannot start ssh: ${error.message}`)),
        )
        child.once('spawn', () => resolve(pipe(child)))
      }),
    explain: async said =>
      explain(route, said.trim() === '' && !reached ? (await talking(args, 'INFO')).said : said),
    connected: () => connected(route, [...newer(route), ...argumentsFor(route, limits, [])], why),
    close: () => {
      for (const child of children) child.kill()
    },
  }
}

/** Connects once more, for what ssh says with another LogLevel; with ERROR it does not say that no algorithm matches. */
const talking = (args: readonly string[], level: string): Promise<{ ok: boolean; said: string }> =>
  new Promise(resolve => {
    const options = { env: environment(), maxBuffer: 1 << 20 }
    // The first value of LogLevel counts.
    execFile('ssh', ['-o', `LogLevel=${level}`, ...args, 'exit 0'], options, (error, _, said) =>
      resolve({ ok: !error, said }),
    )
  })

/** What ssh says of one connection (openssh-portable, kex.c, kex_choose_conf). */
const connected = async (
  route: Route,
  args: readonly string[],
  why: string | undefined,
): Promise<Connected> => {
  const { ok, said } = await talking(args, 'DEBUG1')
  const first = (pattern: RegExp): string | undefined => pattern.exec(said)?.[1]
  const kex = first(/^debug1: kex: algorithm: ([^\s(]\S*)/m)
  if (!ok && kex === undefined) throw await explain(route, said)
  return {
    transport: 'openssh',
    why,
    kex,
    hostKey: first(/^debug1: kex: host key algorithm: (\S+)/m),
    cipher: first(/^debug1: kex: server->client cipher: (\S+)/m),
    mac: mac(first(/^debug1: kex: server->client cipher: \S+ MAC: (\S+)/m)),
  }
}

const mac = (name: string | undefined): string | undefined =>
  name === '<implicit>' ? undefined : name

const pipe = (child: ChildProcess): Pipe => {
  const { stdin, stdout, stderr } = child
  if (!stdin || !stdout || !stderr) throw new Error('ssh without streams')
  stdin.on('error', () => undefined) // `ended` reports it
  const ended = new Promise<Ending>(resolve => {
    child.once('close', (code, signal) => {
      const lost = signal !== null || code === OWN_ERROR
      resolve({ code: lost ? undefined : (code ?? 0), signal: undefined })
    })
  })
  return { stdin, stdout, stderr, ended, destroy: () => child.kill() }
}

import { execFile } from 'node:child_process'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import pLimit from 'p-limit'
import { UnreachableError } from '../errors.ts'
import type { Answers } from './keywords.ts'

/** A name that no stanza is meant for: what `ssh -G` prints for it holds for every host without a stanza. */
export const PLACEHOLDER = 'any-host.invalid'

/** OpenSSH takes it from passwd and ignores $HOME; so does fmc. */
export const homedir = (): string => userInfo().homedir

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

const few = pLimit(8)
const MAX = { maxBuffer: 8 << 20 }

/**
 * What `ssh -G` prints. Without OpenSSH installed: nothing. Rejects with UnreachableError. It gets a command, as fmc's own
 * connections do: without one it refuses ForkAfterAuthentication (openssh-portable, ssh.c), and with one RemoteCommand.
 */
const run = (of: string, args: readonly string[]): Promise<{ stdout: string; stderr: string }> =>
  new Promise((resolve, reject) => {
    execFile(
      'ssh',
      ['-G', '-o', 'RemoteCommand=none', ...args, 'true'],
      MAX,
      (error, stdout, stderr) => {
        if (!error) resolve({ stdout, stderr })
        else if (error.code === 'ENOENT') resolve({ stdout: '', stderr: '' })
        else {
          const said = stderr
            .split('\n')
            .filter(line => line !== '' && !/^(Pseudo-terminal|debug\d:)/.test(line))
            .join('\n')
          reject(new UnreachableError(`${of}: ssh -G ${args.join(' ')}: ${said || error.message}`))
        }
      },
    )
  })

const remembering = <T>(
  find: (of: string, args: readonly string[]) => Promise<T>,
): ((of: string, args: readonly string[]) => Promise<T>) => {
  const known = new Map<string, Promise<T>>()
  return (of, args) => {
    const key = args.join('\0')
    const found = known.get(key) ?? few(() => find(of, args))
    known.set(key, found)
    return found
  }
}

/** `ask` without memory. */
export const askNow = async (of: string, args: readonly string[]): Promise<Answers> =>
  parseAnswers((await run(of, args)).stdout)

/**
 * Runs `ssh -G`, so that OpenSSH itself resolves Include, Match and tokens. Without OpenSSH installed there are no settings.
 * `of`: the host that an error names. Rejects with UnreachableError.
 */
export const ask = remembering(askNow)

/** The answers, and how ssh came to them. */
interface Explained {
  readonly answers: Answers
  /** The places, `FILE line N`, of the Host and Match lines that apply. */
  readonly stanzas: ReadonlySet<string>
  /** ssh reads its configuration twice for this host, as it does for `Match final`. */
  readonly isReadTwice: boolean
}

/** `ask` with -v, with which ssh says which stanzas apply. Rejects with UnreachableError. */
export const askWhy = remembering(async (of, args): Promise<Explained> => {
  const { stdout, stderr } = await run(of, ['-vvv', ...args])
  const applied = /^debug\d: (.* line \d+): (?:Applying options for|matched) /gm
  return {
    answers: parseAnswers(stdout),
    stanzas: new Set([...stderr.matchAll(applied)].map(([, place = '']) => place)),
    isReadTwice: stderr.includes('debug1: re-parsing configuration'),
  }
})

/** OpenSSH's own defaults. */
export const withoutConfig = (): Promise<Answers> => ask('ssh', ['-F', 'none', '--', PLACEHOLDER])

/** `%` begins a token in ProxyCommand and in file names (ssh_config(5), TOKENS). */
export const literal = (text: string): string => text.replaceAll('%', '%%')

/** A value as one word of a line of ssh_config, which may contain blanks. */
export const quoted = (text: string): string => `"${text.replace(/["\\]/g, '\\$&')}"`

/** `~/` at the beginning of a path. */
export const home = (path: string): string =>
  path.startsWith('~/') ? join(homedir(), path.slice(2)) : path

/**
 * A path with `~`, `~user`, tokens and `${VAR}` as ssh expands it. ssh does it: IdentityAgent takes the same tokens as the
 * other paths, and `ssh -G` prints it expanded. `args`: those with which ssh finds the host's settings. Undefined: this ssh
 * does not tell, or there is no such user, token or variable.
 *
 * @example
 * await expand('~/.ssh/%h_key', ['-l', 'core', '--', '10.0.0.1']) // '/root/.ssh/10.0.0.1_key'
 */
export const expand = async (
  path: string,
  args: readonly string[],
): Promise<string | undefined> => {
  if (!/^~|%|\$\{/.test(path)) return path
  if (/^~\/[^%$]*$/.test(path)) return home(path)
  const option = `IdentityAgent=${quoted(path)}`
  const answers = await ask('ssh', ['-o', option, ...args]).catch(() => undefined)
  const text = answers?.get('identityagent')?.[0]
  return text === undefined || text === path || text.startsWith('~') ? undefined : text
}

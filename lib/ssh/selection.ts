import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { ask, askNow, askWhy, literal, PLACEHOLDER, quoted } from './ask.ts'
import type { Answers } from './keywords.ts'
import { checkName } from './names.ts'
import { hasNoStanza } from './stanzas.ts'
import type { Target } from './types.ts'

/** What is known of a host before ssh_config is asked. What is undefined, ssh_config decides. */
export interface Wanted extends Pick<
  Target,
  'name' | 'address' | 'alias' | 'identityFiles' | 'useSshConfig'
> {
  readonly port?: number | undefined
  readonly user?: string | undefined
}

/** The settings that ssh_config has for a host. */
export interface Selection {
  /** The arguments with which ssh finds them: options, `--` and the name. */
  readonly args: readonly string[]
  readonly answers: Answers
}

/** Another file than ~/.ssh/config, which then is the only one. */
export const fileArgs = (file: string | undefined): readonly string[] =>
  file === undefined ? [] : ['-F', file]

/**
 * Asks ssh for a host's settings. A host has two names: the address and, if ssh_config has a stanza for it, the alias. An
 * address that is itself a name of ssh_config, with a HostName, is the only one.
 * Rejects with UnreachableError, also for a name that could act as an option or as shell text.
 *
 * The stanza of the alias comes first, as in `ssh ALIAS`; what it leaves open, the address's stanzas may say. Then fmc lets ssh
 * read the configuration twice, as ssh does by itself for `Match final`: with the alias and then with the host's address.
 * The address stays the one to connect to.
 */
export const select = async (wanted: Wanted, file?: string): Promise<Selection> => {
  const { name, address, alias = address, port, user, identityFiles = [] } = wanted
  for (const host of [address, alias]) checkName(name, 'host', host)
  if (user !== undefined) checkName(name, 'user', user)
  const raw = wanted.useSshConfig === false ? literal : (path: string): string => path
  const files = identityFiles.flatMap(f => ['-o', `IdentityFile=${quoted(raw(f))}`])
  const login = [
    ...(port === undefined ? [] : ['-p', String(port)]),
    ...(user === undefined ? [] : ['-l', user]),
  ]
  const args = [...files, ...login, '--', address]
  if (wanted.useSshConfig === false) return { args, answers: new Map() }
  if (file === undefined && (await hasNoStanza([address, alias]))) {
    const answers = await ask(name, [...files, '--', PLACEHOLDER])
    return { args, answers: new Map([...answers, ['hostname', [address]]]) }
  }
  const get = (of: readonly string[]): ReturnType<typeof askWhy> =>
    askWhy(name, [...fileArgs(file), ...of])
  const addressed = await get(args)
  const { answers } = addressed
  const host = answers.get('hostname')?.[0] ?? address
  // An address that has a HostName is a name of ssh_config itself.
  if (alias === address || host !== address) return { args, answers }
  const named = [...files, ...login, '-o', `HostName=${literal(host)}`]
  const once = await get([...named, '--', alias])
  if ([...once.stanzas].every(place => addressed.stanzas.has(place))) return { args, answers }
  if (once.answers.get('canonicalizehostname')?.[0] !== 'false')
    return { args: [...named, '--', alias], answers: once.answers }
  const twice = [...named, '-o', 'CanonicalizeHostname=yes', '--', alias]
  return { args: twice, answers: (await get(twice)).answers }
}

/** As whom and at which port to log in. */
export interface Login {
  readonly user: string
  readonly port: number
  /** Which of them ssh_config decides; fmc does not tell ssh these. */
  readonly asked: readonly ('user' | 'port')[]
}

/**
 * The login of a host: what `wanted` does not say, ssh_config decides. Without a User there it is `root`, not the local user.
 * Rejects with UnreachableError when ssh does not understand its configuration.
 *
 * @example
 * await loginFor({ name: 'web1', alias: 'web1', address: '10.0.0.1' }) // { user: 'root', port: 22, asked: ['port'] }
 */
export const loginFor = async (wanted: Wanted, file?: string): Promise<Login> => {
  const { args, answers } = await select(wanted, file)
  const port = wanted.port ?? Number(answers.get('port')?.[0] ?? 22)
  const asked = wanted.port === undefined ? (['port'] as const) : []
  if (wanted.user !== undefined) return { user: wanted.user, port, asked }
  const user = answers.get('user')?.[0]
  const isSet =
    user !== undefined &&
    (user === 'root' || user !== userInfo().username || (await setsUser(args, file)))
  if (isSet) return { user, port, asked: [...asked, 'user'] }
  return loginFor({ ...wanted, user: 'root' }, file) // `Match user root` may say more
}

/** The files that ssh reads by itself, in its order. */
const DEFAULT_FILES = ['~/.ssh/config', '/etc/ssh/ssh_config']
const UNSET = 'fmc-unset'

/**
 * Does the configuration set User? `ssh -G` prints the local user when it does not. The first value wins in ssh_config, so a
 * last stanza that sets User counts only when nothing before it has; when ssh reads the files twice, in the second reading.
 */
const setsUser = async (args: readonly string[], file: string | undefined): Promise<boolean> => {
  const files = file === undefined ? DEFAULT_FILES : [file]
  const dir = await mkdtemp(join(tmpdir(), 'fmc-ssh-'))
  try {
    const config = join(dir, 'config')
    const lines = files.map(f => `Include ${quoted(f)}\n`).join('')
    const { isReadTwice } = await askWhy('ssh', [...fileArgs(file), ...args])
    await writeFile(config, `${lines}${isReadTwice ? 'Match final' : 'Host *'}\n  User ${UNSET}\n`)
    const answers = await askNow('ssh', ['-F', config, ...args])
    return answers.get('user')?.[0] !== UNSET
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

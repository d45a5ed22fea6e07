/** Connects to hosts over SSH and keeps one root shell per host, in which all scripts run. */
import { resolve } from './config.ts'
import { LIMITS, type Limits } from './link.ts'
import { wordsForAnyShell } from './login-shell.ts'
import { openShell } from './session.ts'
import { openLink } from './transport.ts'
import { stream, type StreamEnd, type StreamOptions } from './stream.ts'
import type { OpenSession, Output, ScriptOptions, Session, Target } from './types.ts'

export type { StreamEnd, StreamOptions } from './stream.ts'

/** Opens a session; the first call loads ssh2. */
export const openSession: OpenSession = (target, boot, options) =>
  openWith(LIMITS, target, boot, options)

/** `openSession` with other limits; tests shorten them. */
export const openWith = async (
  limits: Limits,
  target: Target,
  boot?: string,
  options?: ScriptOptions,
): Promise<{ session: Session; first: Promise<Output> | undefined }> => {
  const link = await openLink(await resolve(target, limits.sshConfig), limits)
  try {
    return await openShell(link, target, boot, limits, options)
  } catch (error) {
    link.close()
    throw error
  }
}

/**
 * Connects, runs one script as a process of its own, and passes on its output piece by piece (stream.ts). Rejects with
 * UnreachableError.
 *
 * @example
 * const { code } = await runStreamed(target, 'df -h', {
 *   onOutput: (_, bytes) => void process.stdout.write(bytes),
 * })
 */
export const runStreamed = async (
  target: Target,
  script: string,
  options: StreamOptions,
  limits: Limits = LIMITS,
): Promise<StreamEnd> => {
  const link = await openLink(await resolve(target, limits.sshConfig), limits)
  try {
    return await stream(link, target, limits, script, options)
  } finally {
    link.close()
  }
}

/** OpenSSH's exit code for its own errors; a shell may end with the same one (ssh(1)). */
const SSH_FAILED = 255

/**
 * A shell on a host for a person, or one command: the system's ssh with this process's streams and exactly the settings that
 * fmc uses. The login shell reads a command that is text; the words of a list arrive as they are, whatever that shell is. Resolves with the exit code of the shell or command. Rejects with UnreachableError, which explains
 * what ssh could not do.
 *
 * @example
 * const code = await openTerminal(target, { terminal: true })
 */
export const openTerminal = async (
  target: Target,
  how: {
    readonly terminal: boolean
    readonly command?: string | readonly string[] | undefined
  },
  limits: Limits = LIMITS,
): Promise<number> => {
  const { openssh, sshForPerson } = await import('./openssh.ts')
  const route = await resolve(target, limits.sshConfig)
  const command = typeof how.command === 'object' ? wordsForAnyShell(how.command) : how.command
  const code = await sshForPerson(route, limits, { terminal: how.terminal, command })
  if (code !== SSH_FAILED) return code
  const link = openssh(route, limits)
  try {
    const { stderr, stdout, ended } = await link.exec('exit 0')
    let said = ''
    stderr.on('data', (chunk: Buffer) => (said += chunk.toString()))
    stdout.resume()
    const end = await ended
    if (end.code === undefined) throw await link.explain(said.slice(-4000))
    return code
  } finally {
    link.close()
  }
}

/** Connects to hosts over SSH and keeps one root shell per host, in which all scripts run. */
import { resolve } from './config.ts'
import { LIMITS, type Limits } from './link.ts'
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

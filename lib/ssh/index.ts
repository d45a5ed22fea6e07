/** Connects to hosts over SSH and keeps one root shell per host, in which all scripts run. */
import { resolve } from './config.ts'
import { LIMITS, type Limits } from './link.ts'
import { openShell } from './session.ts'
import { openLink } from './transport.ts'
import type { OpenSession, Output, ScriptOptions, Session, Target } from './types.ts'

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

import { resolve } from './config.ts'
import { LIMITS, type Limits } from './link.ts'
import { openShell } from './session.ts'
import { openLink } from './transport.ts'
import type { OpenSession, Output, RunOptions, Session, Target } from './types.ts'

/** Opens a session; ssh2 is loaded with the first one. */
export const openSession: OpenSession = (target, boot, options) =>
  openWith(LIMITS, target, boot, options)

/** `openSession` with other limits. */
export const openWith = async (
  limits: Limits,
  target: Target,
  boot?: string,
  options?: RunOptions,
): Promise<{ session: Session; first: Promise<Output> | undefined }> => {
  const link = await openLink(await resolve(target, limits.sshConfig), limits)
  try {
    return await openShell(link, target, boot, limits, options)
  } catch (error) {
    link.close()
    throw error
  }
}

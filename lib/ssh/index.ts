import { resolve } from './config.ts'
import { LIMITS, type Limits } from './link.ts'
import { openShell } from './session.ts'
import { openLink } from './transport.ts'
import type { OpenSession, Output, Session, Target } from './types.ts'

/** Opens a session; ssh2 is loaded with the first one. */
export const openSession: OpenSession = (target, boot) => openWith(LIMITS, target, boot)

/** `openSession` with other limits. */
export const openWith = async (
  limits: Limits,
  target: Target,
  boot?: string,
): Promise<{ session: Session; first: Promise<Output> | undefined }> => {
  const link = await openLink(await resolve(target, limits.sshConfig), limits)
  try {
    return await openShell(link, target, boot, limits)
  } catch (error) {
    link.close()
    throw error
  }
}

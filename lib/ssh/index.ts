import { resolve } from './config.ts'
import { LIMITS, type Limits } from './link.ts'
import { openShell } from './session.ts'
import type { OpenSession, Output, Session, Target } from './types.ts'

/** Opens a session; ssh2 is loaded with the first one. */
export const openSession: OpenSession = (target, boot) => openWith(LIMITS, target, boot)

/** `openSession` with other limits. */
export const openWith = async (
  limits: Limits,
  target: Target,
  boot?: string,
): Promise<{ session: Session; first: Promise<Output> | undefined }> => {
  const route = await resolve(target)
  const { connect } = await import('./connection.ts')
  const link = await connect(route, limits)
  try {
    return await openShell(link, target, boot, limits)
  } catch (error) {
    link.close()
    throw error
  }
}

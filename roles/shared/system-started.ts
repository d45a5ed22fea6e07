import { probe } from '../../lib/index.ts'

/** Some unit may have failed, before this as after: that is for `fmc play health` to tell. */
export async function hasStarted(): Promise<true | string> {
  const state = (await probe({ estimate: false })`systemctl is-system-running`).stdout.trim()
  return state === 'running' || state === 'degraded' ? true : `the system is ${state}`
}

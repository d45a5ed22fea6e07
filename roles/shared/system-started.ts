import { probe } from '../../lib/index.ts'

/** true, or the state of the system. A failed unit is no reason to wait: `fmc play health` reports it. */
export async function hasStarted(): Promise<true | string> {
  const state = (await probe({ estimate: false })`systemctl is-system-running`).stdout.trim()
  return state === 'running' || state === 'degraded' ? true : `the system is ${state}`
}

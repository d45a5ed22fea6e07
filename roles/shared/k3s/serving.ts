import { gate, TaskError, type Check, type Host } from '../../../lib/index.ts'
import { adviceOn } from './advice.ts'
import { crashWatch, type ServerState, type UnitState } from './server-state.ts'
import { isBack } from './node-ready.ts'
import { SERVERS, stateHere } from './survey.ts'

/**
 * For a gate: etcd has a quorum and the API is ready, and `also` has no objection. A server that keeps ending by itself
 * ends the wait.
 */
export function serves(also: (state: ServerState) => string | undefined = () => undefined): Check {
  const crashes = crashWatch()
  return async () => {
    const state = await stateHere()
    if (crashes(state.unit)) throw keepsEnding('k3s', state.unit, state.said || state.problem)
    return state.healthy ? (also(state) ?? true) : state.problem
  }
}

/** Waits after a reboot until a server's etcd and API are ready, and until the node is Ready. */
export async function nodeServes(host: Host): Promise<void> {
  if (host.groups.includes(SERVERS))
    await gate('the server is healthy', serves(), { timeoutSeconds: 300 })
  await gate('its node is Ready', () => isBack(host), { timeoutSeconds: 300 })
}

/** The error of a unit of K3s that systemd starts again and again. `said`: why it ended, or empty. */
export const keepsEnding = (
  unit: 'k3s' | 'k3s-agent',
  { active, restarts }: UnitState,
  said: string,
): TaskError =>
  new TaskError(
    `${unit}.service does not stay up (${active}, started again ${restarts} times)${said === '' ? '' : `: ${said}`}`,
    { hint: adviceOn(said, unit) },
  )

/** Why a Node is not Ready with the wanted version, as this server sees it; undefined: it is. */
export function notReady(state: ServerState, name: string, version: string): string | undefined {
  if (!state.healthy) return state.problem
  const node = state.nodes.find(n => n.name === name)
  if (!node) return `there is no node ${name} yet`
  if (!node.ready) return `${name} is not Ready`
  return node.version === version ? undefined : `${name} runs ${node.version}, not ${version}`
}

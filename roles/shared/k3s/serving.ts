import { TaskError, type Check } from '../../../lib/index.ts'
import { adviceOn } from './advice.ts'
import { crashWatch, type ServerState } from './server-state.ts'
import { stateHere } from './survey.ts'

/** For a gate: etcd has a quorum and the API is ready. A server that keeps crashing ends the wait. */
export function serves(): Check {
  const crashes = crashWatch()
  return async () => {
    const state = await stateHere()
    if (crashes(state.unit))
      throw new TaskError(state.problem, { hint: adviceOn(state.problem, 'k3s') })
    return state.healthy || state.problem
  }
}

/** Why a Node is not Ready with the wanted version, as this server sees it; undefined: it is. */
export function notReady(state: ServerState, name: string, version: string): string | undefined {
  if (!state.healthy) return state.problem
  const node = state.nodes.find(n => n.name === name)
  if (!node) return `there is no node ${name} yet`
  if (!node.ready) return `${name} is not Ready`
  return node.version === version ? undefined : `${name} runs ${node.version}, not ${version}`
}

import { hosts, probe, on, TaskError, type Host } from '../../../lib/index.ts'
import { parseState, STATE_SCRIPT, STATE_WHEN_NEW, type ServerState } from './server-state.ts'

export const SERVERS = 'k3s_servers'
export const AGENTS = 'k3s_agents'

/** By server: its state, or why nobody knows. */
export type Survey = ReadonlyMap<string, ServerState | string>

/** Asks every server. One that cannot be asked is part of the answer. */
export async function survey(servers: readonly Host[] = hosts(SERVERS)): Promise<Survey> {
  const found = await Promise.all(servers.map(async h => [h.name, await stateOf(h)] as const))
  return new Map(found)
}

const stateOf = (server: Host): Promise<ServerState | string> =>
  on(server, stateHere).catch((error: unknown) => {
    if (error instanceof Error && error.name === 'AbortError') throw error
    return error instanceof Error ? error.message : String(error)
  })

/** The state of the server that this runs for. Throws TaskError when its answer makes no sense. */
export async function stateHere(): Promise<ServerState> {
  const { stdout, stderr, exitCode } = await probe({
    estimate: false,
    whenNew: STATE_WHEN_NEW,
  })`sh -c ${STATE_SCRIPT}`
  if (exitCode !== 0) throw new TaskError(`the state of K3s cannot be asked: ${stderr.trim()}`)
  return parseState(stdout)
}

/** The servers that serve, with what they say. */
export function healthyIn(found: Survey): readonly (readonly [name: string, state: ServerState])[] {
  const healthy: [string, ServerState][] = []
  for (const [name, state] of found)
    if (typeof state === 'object' && state.healthy) healthy.push([name, state])
  return healthy
}

/** The address by which servers and agents know a host: that of its first network. */
export function addressOf(host: Host): string {
  const [nic] = host.nics
  if (nic) return nic.address
  throw new TaskError(`${host.name} has no nics in the inventory`)
}

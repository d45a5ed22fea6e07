import { hosts, probe, TaskError, tryOn, type Host, type Nic } from '../../../lib/index.ts'
import { parseState, STATE_SCRIPT, STATE_WHEN_NEW, type ServerState } from './server-state.ts'

export const SERVERS = 'k3s_servers'
export const AGENTS = 'k3s_agents'

/** Is the host a server or an agent of the cluster? */
export const isNode = ({ groups }: Host): boolean =>
  groups.includes(SERVERS) || groups.includes(AGENTS)

/** The K3s server of this name. Throws TaskError when the inventory has none. */
export function serverNamed(name: string): Host {
  const server = hosts(SERVERS).find(h => h.name === name)
  if (server) return server
  throw new TaskError(`the inventory has no K3s server ${name}`)
}

/** By server: its state, or why it is unknown. */
export type Survey = ReadonlyMap<string, ServerState | string>

/** Asks every server. Of a server that does not answer, the survey holds the reason. */
export async function survey(servers: readonly Host[] = hosts(SERVERS)): Promise<Survey> {
  const found = await Promise.all(
    servers.map(async server => {
      const asked = await tryOn(server, stateHere)
      return [server.name, asked.ok ? asked.value : asked.reason] as const
    }),
  )
  return new Map(found)
}

/** The state of the server on which this runs. Throws TaskError when its answer makes no sense. */
export async function stateHere(): Promise<ServerState> {
  const { stdout, stderr, exitCode } = await probe({
    estimate: false,
    whenNew: STATE_WHEN_NEW,
  })`sh -c ${STATE_SCRIPT}`
  if (exitCode !== 0) throw new TaskError(`cannot read the state of K3s: ${stderr.trim()}`)
  return parseState(stdout)
}

/** The healthy servers, with their states. */
export function healthyIn(found: Survey): readonly (readonly [name: string, state: ServerState])[] {
  const healthy: [string, ServerState][] = []
  for (const [name, state] of found)
    if (typeof state === 'object' && state.healthy) healthy.push([name, state])
  return healthy
}

/** The NIC by whose address servers and agents know a host: its first. */
export function nicOf(host: Host): Nic {
  const [nic] = host.nics
  if (nic) return nic
  throw new TaskError(`${host.name} has no nics in the inventory`)
}

export const addressOf = (host: Host): string => nicOf(host).address

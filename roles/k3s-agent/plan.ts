import { NAMESAKE_HINT, namesake } from '../shared/k3s/namesake.ts'
import { healthyIn, type Survey } from '../shared/k3s/survey.ts'
import { compareVersions, refusedStep } from '../shared/k3s/version.ts'
import type { AgentState } from '../shared/k3s/agent-state.ts'

export interface AgentSituation {
  readonly self: string
  readonly address: string
  readonly servers: readonly { readonly name: string; readonly address: string }[]
  readonly found: Survey
  readonly own: AgentState
  readonly version: string
}

export interface AgentPlan {
  /** The server that is asked about this node. */
  readonly via: { readonly name: string }
  /** What its config.yaml names: the one that is there, as long as it is a server; else a healthy one. */
  readonly seed: string
  /** Hash of the only authority that its token is to trust: the cluster's when it joins, then what it has. */
  readonly pin: string | undefined
  /** Does it take a restart until it reads its configuration again? One that nobody lets in runs, too, and asks for ever. */
  readonly restarts: boolean
  /** There is a Node of its name from an earlier life: its node password would be refused. */
  readonly forget: boolean
  readonly waitsFor?: string
}

/** What an agent does, or why it must not. */
export function plan({
  self,
  address,
  servers,
  found,
  own,
  version,
}: AgentSituation): AgentPlan | string {
  const [healthy] = healthyIn(found)
  const via = servers.find(s => s.name === healthy?.[0]) ?? servers[0]
  if (!via) return 'the group k3s_servers is empty'
  // It has learned of the others once it has joined; before, only the one that it is told of can let it in.
  const able = own.joined || !healthy ? servers : servers.filter(s => isUp(found, s.name))
  const base = {
    via,
    seed: able.find(s => s.address === own.seed)?.address ?? via.address,
    pin: own.joined ? own.pin : healthy?.[1].ca,
    restarts: own.joined || own.unit.active !== 'inactive',
  }
  if (!healthy)
    return {
      ...base,
      forget: false,
      waitsFor: `no server is healthy: ${servers.map(s => `${s.name}: ${ailment(found, s.name)}`).join('; ')}`,
    }
  const { nodes } = healthy[1]
  const node = nodes.find(n => n.name === self)
  const other = own.joined ? undefined : namesake(nodes, self, address)
  if (other !== undefined) return `${other}: ${NAMESAKE_HINT}`
  const refused = node && refusedStep(node.version, version)
  if (refused) return `${self}: ${refused}`
  const older = servers.find(s => {
    const server = nodes.find(n => n.name === s.name)
    return server && compareVersions(server.version, version) < 0
  })
  if (older && node?.version !== version)
    return {
      ...base,
      forget: false,
      waitsFor: `an agent must not be newer than a server, and ${older.name} is older than ${version}: run the play for the servers first`,
    }
  return { ...base, forget: node !== undefined && !own.joined }
}

const isUp = (found: Survey, name: string): boolean =>
  healthyIn(found).some(([other]) => other === name)

function ailment(found: Survey, name: string): string {
  const state = found.get(name)
  if (state === undefined || typeof state === 'string') return state ?? 'was not asked'
  return state.data ? state.ailment : 'has no etcd data yet'
}

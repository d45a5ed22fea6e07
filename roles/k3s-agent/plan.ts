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
  /** Hash of the certificate authority that its kubelet trusts, if there is one. */
  readonly trusts: string | undefined
  readonly version: string
}

export interface AgentPlan {
  /** The server to ask about this node. */
  readonly via: { readonly name: string }
  /** Address for its config.yaml: the one that is there if it is still a server's, else that of a healthy server. */
  readonly seed: string
  /** Hash of the certificate authority that its token trusts: the cluster's when it joins, later what it has. */
  readonly pin: string | undefined
  /** Does it need a restart to read a new configuration? An agent that no server lets in also runs, and retries for ever. */
  readonly restarts: boolean
  /** Delete an older Node of its name first: the servers would refuse the new node password. */
  readonly forget: boolean
  readonly waitsFor?: string
}

/** What an agent does, or why it must do nothing. */
export function plan({
  self,
  address,
  servers,
  found,
  own,
  trusts,
  version,
}: AgentSituation): AgentPlan | string {
  const [healthy] = healthyIn(found)
  const via = servers.find(s => s.name === healthy?.[0]) ?? servers[0]
  if (!via) return 'the group k3s_servers is empty'
  // A joined agent knows all servers; before, only the server in its config can let it in, so that one must be healthy.
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
      waitsFor: `no server is healthy: ${servers.map(s => `${s.name}: ${problem(found, s.name)}`).join('; ')}`,
    }
  const { nodes } = healthy[1]
  const node = nodes.find(n => n.name === self)
  const other = own.joined ? undefined : namesake(nodes, self, address)
  if (other !== undefined) return `${other}: ${NAMESAKE_HINT}`
  const { ca } = healthy[1]
  if (own.joined && !node?.ready && trusts !== undefined && ca !== undefined && trusts !== ca)
    return `this machine is a node of another cluster${own.seed === undefined ? '' : `, that of ${own.seed}`}: its kubelet trusts another certificate authority than ${healthy[0]}. To take it into this cluster: fmc play node-replace --limit ${self} -e node_replace_wipe=true`
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
      waitsFor: `an agent must not be newer than a server, and ${older.name} is older than ${version}: run the play for the servers first (fmc play site --limit k3s_servers)`,
    }
  return { ...base, forget: node !== undefined && !own.joined }
}

const isUp = (found: Survey, name: string): boolean =>
  healthyIn(found).some(([other]) => other === name)

function problem(found: Survey, name: string): string {
  const state = found.get(name)
  if (state === undefined || typeof state === 'string') return state ?? 'was not asked'
  return state.data ? state.problem : 'has no etcd data yet'
}

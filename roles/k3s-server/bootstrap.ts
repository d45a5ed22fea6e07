import { isUp, type Member, type ServerState } from '../shared/k3s/server-state.ts'
import { NAMESAKE_HINT, namesake } from '../shared/k3s/namesake.ts'
import { healthyIn, type Survey } from '../shared/k3s/survey.ts'

/** Everything on which the next step of a server depends. */
export interface Situation {
  /** The server to decide for. */
  readonly self: string
  /** All servers of the inventory, in its order. */
  readonly servers: readonly { readonly name: string; readonly address: string }[]
  readonly found: Survey
  /** Traces of a cluster although no server has its data; undefined: none. */
  readonly remains?: string | undefined
  /** The user wants a new cluster, whatever existed before. */
  readonly newCluster?: boolean | undefined
}

/** The server that config.yaml names as the one to join. */
export interface Via {
  readonly name: string
  readonly address: string
}

/** What a server does next. `waitsFor`: the condition that must end before it does that. */
export type Step =
  /** `begun`: K3s runs and founds the cluster, since a run that was interrupted has started it. */
  | { readonly kind: 'bootstrap'; readonly begun?: true }
  | { readonly kind: 'join'; readonly via: Via; readonly waitsFor?: string }
  | {
      readonly kind: 'rebuild'
      readonly via: Via
      /** Is there a Node of its name to delete? */
      readonly node: boolean
      readonly member: Member | undefined
      /** Does it have data of a member that the cluster has removed? */
      readonly stale: boolean
      readonly waitsFor?: string
    }
  | {
      readonly kind: 'run'
      readonly via: Via | undefined
      /** Stopped servers that this one starts too, because it has no quorum alone. */
      readonly wake: readonly string[]
      /** Another server starts this one. */
      readonly woken?: true
      readonly waitsFor?: string
    }
  | { readonly kind: 'stop'; readonly why: string; readonly hint: string }

/**
 * The bootstrap table of the README (etcd data on disk × quorum × member list × Node objects). A server founds a cluster
 * only if every server answers, none has etcd data, and nothing shows that a cluster existed before. A server that
 * lost its disk therefore joins, and founds no second cluster.
 */
export function nextStep(s: Situation): Step {
  const own = s.found.get(s.self)
  if (own === undefined || typeof own === 'string')
    return stop(`the state of ${s.self} is unknown: ${own ?? 'it was not asked'}`, 'run again')
  const healthy = healthyIn(s.found)
  const two = twoClusters(healthy)
  if (two !== undefined)
    return stop(
      two,
      'decide which cluster must go; on its servers stop k3s and move /var/lib/rancher/k3s/server/db away, then run again',
    )
  const [first, second] = healthy
  if (first) return besideCluster(s, own, (first[0] === s.self ? second : first) ?? first)
  return known(s).some(([, state]) => state.data) ? withoutQuorum(s, own) : fromNothing(s)
}

const stop = (why: string, hint: string): Step => ({ kind: 'stop', why, hint })

/** The states that are known. */
const known = ({ found }: Situation): readonly [string, ServerState][] =>
  [...found].filter((entry): entry is [string, ServerState] => typeof entry[1] === 'object')

const viaOf = (s: Situation, name: string): Via => {
  const server = s.servers.find(h => h.name === name)
  if (!server) throw new TypeError(`${name} is not a server`)
  return server
}

const addressOfSelf = (s: Situation): string => viaOf(s, s.self).address

/** Two healthy servers whose clusters have no member in common. */
function twoClusters(healthy: readonly (readonly [string, ServerState])[]): string | undefined {
  for (const [a, x] of healthy)
    for (const [b, y] of healthy)
      if (!x.members.some(m => y.members.some(n => n.id === m.id)))
        return `there are two clusters: ${a} and ${b} have no etcd member in common`
  return undefined
}

/** There is a cluster: `healthyServer` serves it. */
function besideCluster(
  s: Situation,
  own: ServerState,
  [name, healthyServer]: readonly [string, ServerState],
): Step {
  const address = addressOfSelf(s)
  const member = healthyServer.members.find(m => m.address === address)
  if (own.data && member) return { kind: 'run', via: seedOf(s, own), wake: [] }
  if (own.healthy && !member)
    return stop(
      `${s.self} is healthy, but not a member of the cluster of ${name}`,
      'find out which cluster to keep: compare etcdctl member list on both',
    )
  if (
    own.data &&
    own.ca !== undefined &&
    healthyServer.ca !== undefined &&
    own.ca !== healthyServer.ca
  )
    return stop(
      `${s.self} has the data of another cluster than ${name}: their certificate authorities differ`,
      `to take it into the cluster of ${name}, from nothing: fmc play node-replace --limit ${s.self} -e node_replace_wipe=true`,
    )
  const other = own.data ? undefined : namesake(healthyServer.nodes, s.self, address)
  if (other !== undefined) return stop(other, NAMESAKE_HINT)
  const node = healthyServer.nodes.some(n => n.name === s.self)
  const joining = healthyServer.members.filter(
    m => m.address !== address && (m.learner || !m.started),
  )
  const wait = joining.length === 0 ? {} : { waitsFor: stillJoining(s, joining) }
  const via = viaOf(s, name)
  if (!own.data && !member && !node) return { kind: 'join', via, ...wait }
  return { kind: 'rebuild', via, node, member, stale: own.data, ...wait }
}

const stillJoining = (s: Situation, joining: readonly Member[]): string =>
  `${joining.map(m => s.servers.find(h => h.address === m.address)?.name ?? m.address).join(' and ')} is still joining (etcd takes one learner at a time): run the play for it first`

/** The server that its config names, if it is still a server; else the first other server. */
const seedOf = (s: Situation, own: ServerState): Via | undefined => {
  const others = s.servers.filter(h => h.name !== s.self)
  return others.find(h => h.address === own.seed) ?? others[0]
}

function fromNothing(s: Situation): Step {
  const unknown = [...s.found].flatMap(([name, why]) =>
    typeof why === 'string' ? [{ name, why }] : [],
  )
  if (unknown.length > 0)
    return stop(
      `no server that answers has etcd data, but ${unknown.map(({ name, why }) => `${name} may have some (${why})`).join(', ')}`,
      `repair ${unknown.map(({ name }) => name).join(', ')}, or take it out of the inventory. A new cluster beside an existing one would split it`,
    )
  const joined = known(s).filter(([, state]) => state.joined)
  const remains =
    joined.length > 0
      ? `${joined.map(([name]) => name).join(', ')} has been a node of one`
      : s.remains
  if (remains !== undefined && !s.newCluster)
    return stop(
      `no server has etcd data, but there has been a cluster: ${remains}`,
      'to restore it from a snapshot: fmc play etcd-restore. To give it up and found a new one: fmc play site -e k3s_new_cluster=true',
    )
  const [founder] = s.servers
  if (!founder || founder.name === s.self) return { kind: 'bootstrap' }
  return {
    kind: 'join',
    via: founder,
    waitsFor: `there is no cluster yet, and ${founder.name} founds it: run the play for ${founder.name} too`,
  }
}

/** Servers have data, but none is healthy. */
function withoutQuorum(s: Situation, own: ServerState): Step {
  const withData = known(s).filter(([, state]) => state.data)
  const stopped = withData.filter(([, state]) => !isUp(state)).map(([name]) => name)
  if (own.data && stopped.length > 0) return amongStopped(s, own, stopped)
  const lost = quorumLost(s)
  const founder = founding(s)
  if (founder === s.self) return { kind: 'bootstrap', begun: true }
  if (founder !== undefined) return { kind: 'join', via: viaOf(s, founder), waitsFor: lost }
  if (own.data)
    return { kind: 'run', via: seedOf(s, own), wake: [], waitsFor: `${lost}: ${BRING_BACK}` }
  const [member] = withData
  if (!member || stopped.length === 0) return stop(lost, BRING_BACK)
  return { kind: 'join', via: viaOf(s, member[0]), waitsFor: lost }
}

/** The server that is founding the cluster: K3s runs as a founder, and no other server has data or has been a node. It needs nobody's vote. */
function founding(s: Situation): string | undefined {
  const all = known(s)
  const [founder, ...rest] = all.filter(([, state]) => state.data || state.joined)
  if (!founder || rest.length > 0 || all.length !== s.servers.length) return undefined
  const [name, state] = founder
  return state.data && state.founds && isUp(state) ? name : undefined
}

/** The first of the stopped servers starts all of them. */
function amongStopped(s: Situation, own: ServerState, stopped: readonly string[]): Step {
  const [waker = '', ...rest] = stopped
  const run = { kind: 'run', via: seedOf(s, own), wake: [] } as const
  if (waker === s.self) return { ...run, wake: rest }
  const waitsFor = `etcd has no quorum while ${stopped.join(', ')} is stopped: run the play for ${waker} too`
  return stopped.includes(s.self) ? { ...run, woken: true, waitsFor } : { ...run, waitsFor }
}

const BRING_BACK = 'bring back enough servers, or restore a snapshot: fmc play etcd-restore'

const quorumLost = (s: Situation): string =>
  `etcd has no quorum: ${s.servers.map(({ name }) => `${name}: ${describe(s.found.get(name))}`).join('; ')}`

function describe(state: ServerState | string | undefined): string {
  if (state === undefined) return 'was not asked'
  if (typeof state === 'string') return state
  return state.data ? state.problem : 'has no etcd data'
}

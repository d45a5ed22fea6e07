import { isUp, type Member, type ServerState } from '../shared/k3s/server-state.ts'
import { NAMESAKE_HINT, namesake } from '../shared/k3s/namesake.ts'
import { healthyIn, type Survey } from '../shared/k3s/survey.ts'

/** All that decides what a server does. */
export interface Situation {
  /** The server in question. */
  readonly self: string
  /** All servers of the inventory, in its order. */
  readonly servers: readonly { readonly name: string; readonly address: string }[]
  readonly found: Survey
  /** What says that there has been a cluster although no server has its data; undefined: nothing. */
  readonly remains?: string | undefined
  /** A person has said so: whatever there has been, found a new one. */
  readonly newCluster?: boolean | undefined
}

/** Another server that config.yaml names as the one to join. */
export interface Via {
  readonly name: string
  readonly address: string
}

/** What a server does next. `waitsFor`: but not before this has passed. */
export type Step =
  | { readonly kind: 'bootstrap' }
  | { readonly kind: 'join'; readonly via: Via; readonly waitsFor?: string }
  | {
      readonly kind: 'rebuild'
      readonly via: Via
      /** Is there a Node of its name to delete? */
      readonly node: boolean
      readonly member: Member | undefined
      /** Data of a member that the cluster has removed. */
      readonly stale: boolean
      readonly waitsFor?: string
    }
  | {
      readonly kind: 'run'
      readonly via: Via | undefined
      /** All are stopped: those that this one starts, too, because one alone has no quorum. */
      readonly wake: readonly string[]
      /** Another one does that for this one. */
      readonly woken?: true
      readonly waitsFor?: string
    }
  | { readonly kind: 'stop'; readonly why: string; readonly hint: string }

/**
 * The bootstrap table (etcd data on disk × quorum × member list × Node objects). A server founds a cluster only if
 * every server can be asked, none has data, and nothing says that there has been one: one that lost its disk joins.
 */
export function nextStep(s: Situation): Step {
  const own = s.found.get(s.self)
  if (own === undefined || typeof own === 'string')
    return stop(`the state of ${s.self} is not known: ${own ?? 'it was not asked'}`, 'run again')
  const voices = healthyIn(s.found)
  const two = twoClusters(voices)
  if (two !== undefined)
    return stop(
      two,
      'stop k3s on the servers of the one that must go, move /var/lib/rancher/k3s/server/db away there, then run again',
    )
  const [first, second] = voices
  if (first) return besideCluster(s, own, (first[0] === s.self ? second : first) ?? first)
  return known(s).some(([, state]) => state.data) ? withoutQuorum(s, own) : fromNothing(s)
}

const stop = (why: string, hint: string): Step => ({ kind: 'stop', why, hint })

const known = ({ found }: Situation): readonly [string, ServerState][] =>
  [...found].filter((entry): entry is [string, ServerState] => typeof entry[1] === 'object')

const viaOf = (s: Situation, name: string): Via => {
  const server = s.servers.find(h => h.name === name)
  if (!server) throw new TypeError(`${name} is no server`)
  return server
}

const addressOfSelf = (s: Situation): string => viaOf(s, s.self).address

/** Two healthy servers whose clusters have no member in common. */
function twoClusters(voices: readonly (readonly [string, ServerState])[]): string | undefined {
  for (const [a, x] of voices)
    for (const [b, y] of voices)
      if (!x.members.some(m => y.members.some(n => n.id === m.id)))
        return `there are two clusters: ${a} and ${b} have no etcd member in common`
  return undefined
}

/** There is a cluster that can be asked through `healthyServer`. */
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
      `${s.self} serves, but is no member of the cluster that ${name} serves`,
      'find out which of them is the one to keep: etcdctl member list on both',
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

/** The other server that its config names, if it still is one; else the first other one. */
const seedOf = (s: Situation, own: ServerState): Via | undefined => {
  const others = s.servers.filter(h => h.name !== s.self)
  return others.find(h => h.address === own.seed) ?? others[0]
}

function fromNothing(s: Situation): Step {
  const silent = [...s.found].flatMap(([name, why]) =>
    typeof why === 'string' ? [{ name, why }] : [],
  )
  if (silent.length > 0)
    return stop(
      `no server that answers has etcd data, but ${silent.map(({ name, why }) => `${name} may have (${why})`).join(', ')}`,
      `repair ${silent.map(({ name }) => name).join(', ')}, or take it out of the inventory; founding a cluster beside an existing one would split it`,
    )
  const joined = known(s).filter(([, state]) => state.joined)
  const remains =
    joined.length > 0
      ? `${joined.map(([name]) => name).join(', ')} has been a node of one`
      : s.remains
  if (remains !== undefined && !s.newCluster)
    return stop(
      `no server has etcd data, but there has been a cluster: ${remains}`,
      'restore it from a snapshot: fmc play etcd-restore. To give it up and found a new one: -e k3s_new_cluster=true',
    )
  const [founder] = s.servers
  if (!founder || founder.name === s.self) return { kind: 'bootstrap' }
  return {
    kind: 'join',
    via: founder,
    waitsFor: `there is no cluster yet: ${founder.name} founds it, so run the play for it, too`,
  }
}

/** There is data, but no server that serves. */
function withoutQuorum(s: Situation, own: ServerState): Step {
  const withData = known(s).filter(([, state]) => state.data)
  const stopped = withData.filter(([, state]) => !isUp(state)).map(([name]) => name)
  if (own.data && stopped.length > 0) return amongStopped(s, own, stopped)
  const lost = quorumLost(s)
  if (own.data)
    return { kind: 'run', via: seedOf(s, own), wake: [], waitsFor: `${lost}: ${BRING_BACK}` }
  const [member] = withData
  if (!member || stopped.length === 0) return stop(lost, BRING_BACK)
  return { kind: 'join', via: viaOf(s, member[0]), waitsFor: lost }
}

/** The first of those that are stopped starts them all. */
function amongStopped(s: Situation, own: ServerState, stopped: readonly string[]): Step {
  const [waker = '', ...rest] = stopped
  const run = { kind: 'run', via: seedOf(s, own), wake: [] } as const
  if (waker === s.self) return { ...run, wake: rest }
  const waitsFor = `etcd has no quorum while ${stopped.join(', ')} is stopped: run the play for ${waker}, too`
  return stopped.includes(s.self) ? { ...run, woken: true, waitsFor } : { ...run, waitsFor }
}

const BRING_BACK = 'bring back enough of them, or restore a snapshot: fmc play etcd-restore'

const quorumLost = (s: Situation): string =>
  `etcd has no quorum: ${s.servers.map(({ name }) => `${name}: ${describe(s.found.get(name))}`).join('; ')}`

function describe(state: ServerState | string | undefined): string {
  if (state === undefined) return 'was not asked'
  if (typeof state === 'string') return state
  return state.data ? state.ailment : 'has no etcd data'
}

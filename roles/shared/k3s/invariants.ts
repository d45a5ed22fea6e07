import { hosts, type Host, type Invariant } from '../../../lib/index.ts'
import { isBack } from './node-ready.ts'
import { addressOf, AGENTS, healthyIn, SERVERS, survey, type Survey } from './survey.ts'

interface Server {
  readonly name: string
  readonly address: string
}

const serversOf = (all: readonly Host[]): readonly Server[] =>
  all.map(h => ({ name: h.name, address: addressOf(h) }))

/** etcd keeps a majority of its voters; no server is touched while another server is joining. */
export const etcdQuorum: Invariant = {
  name: 'etcd keeps its quorum',
  timeoutSeconds: 120,
  async check(when, batch) {
    const servers = serversOf(hosts(SERVERS))
    const found = await survey()
    return (
      (when === 'before'
        ? quorumAtRisk(servers, found, batch)
        : quorumBroken(servers, found, batch)) ?? true
    )
  },
}

/** Why these hosts must not be touched now; undefined: they may. A server that does not vote may always be repaired. */
export function quorumAtRisk(
  servers: readonly Server[],
  found: Survey,
  batch: readonly string[],
): string | undefined {
  const [healthyServer] = healthyIn(found)
  if (!healthyServer) return undefined
  const nameOf = (address: string): string =>
    servers.find(s => s.address === address)?.name ?? address
  const members = healthyServer[1].members.map(m => ({ ...m, server: nameOf(m.address) }))
  const voters = members.filter(m => m.started && !m.learner)
  const isHealthy = (server: string): boolean => healthyIn(found).some(([name]) => name === server)
  const healthy = voters.filter(m => isHealthy(m.server))
  const touched = healthy.filter(m => batch.includes(m.server))
  if (touched.length === 0) return undefined
  const joining = members.filter(m => (!m.started || m.learner) && !batch.includes(m.server))
  if (joining.length > 0)
    return `${names(joining)} has not joined yet. Finish that first: fmc play site --limit ${joining.map(m => m.server).join(',')}`
  const need = Math.floor(voters.length / 2) + 1
  // One or two voters have none to spare: then all of them must be healthy, and one is touched at a time.
  const spare = voters.length < 3 ? healthy.length === voters.length && touched.length === 1 : false
  if (spare || healthy.length - touched.length >= need) return undefined
  const sick = voters.filter(m => !isHealthy(m.server))
  if (sick.length === 0)
    return `${names(touched)} are ${touched.length} of ${voters.length} voters, and ${need} are needed: the play needs serial: 1`
  return `without ${names(touched)} etcd would lose its quorum (${need} of ${voters.length} voters): ${sick.map(m => `${m.server}: ${problem(found, m.server)}`).join('; ')}. Repair it first: fmc play site --limit ${sick.map(m => m.server).join(',')}`
}

/** What is wrong after these hosts were touched; undefined: nothing. */
export function quorumBroken(
  servers: readonly Server[],
  found: Survey,
  batch: readonly string[],
): string | undefined {
  const healthy = healthyIn(found)
  const [healthyServer] = healthy
  if (!healthyServer)
    return `no server is healthy: ${servers.map(s => `${s.name}: ${problem(found, s.name)}`).join('; ')}`
  for (const { name, address } of servers.filter(s => batch.includes(s.name))) {
    const member = healthyServer[1].members.find(m => m.address === address)
    if (!member) return `${name} is not a member of etcd`
    if (!member.started || member.learner) return `${name} does not vote yet`
    if (!healthy.some(([n]) => n === name)) return `${name}: ${problem(found, name)}`
  }
  const joining = healthyServer[1].members.filter(m => m.learner)
  return joining.length > 0
    ? `${joining.map(m => m.name).join(', ')} is still a learner`
    : undefined
}

const names = (members: readonly { readonly server: string }[]): string =>
  members.map(m => m.server).join(', ')

function problem(found: Survey, name: string): string {
  const state = found.get(name)
  if (state === undefined) return 'it is not in the inventory'
  return typeof state === 'string' ? state : state.problem || 'healthy'
}

/** No node is touched while another node is not Ready; nodes that are not Ready may always be repaired. */
export const nodesReady: Invariant = {
  name: 'the nodes are Ready',
  timeoutSeconds: 120,
  async check(when, batch) {
    if (when === 'before') return nodesAtRisk(await survey(), batch) ?? true
    const answers = await Promise.all(
      hosts(`${SERVERS}:${AGENTS}`)
        .filter(h => batch.includes(h.name))
        .map(isBack),
    )
    return answers.filter(a => a !== true).join(', ') || true
  },
}

/** Why these nodes must not be touched now; undefined: they may. */
export function nodesAtRisk(found: Survey, batch: readonly string[]): string | undefined {
  const [healthyServer] = healthyIn(found)
  if (!healthyServer) return undefined
  const { nodes } = healthyServer[1]
  const sick = nodes.filter(n => !n.ready && !batch.includes(n.name)).map(n => n.name)
  const touched = nodes.filter(n => n.ready && batch.includes(n.name)).map(n => n.name)
  if (sick.length === 0 || touched.length === 0) return undefined
  return `${touched.join(', ')} must not be touched while ${sick.join(', ')} is not Ready. Repair it first: fmc play site --limit ${sick.join(',')}; or, if it is gone for good: k3s kubectl delete node ${sick.join(' ')}`
}

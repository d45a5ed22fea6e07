import { hosts, vips, type Host } from '../../lib/index.ts'
import { onServer } from '../shared/kubernetes/servers.ts'
import { vipsStay } from '../haproxy-keepalived/index.ts'
import { addressOf, healthyIn, isNode, SERVERS, survey } from '../shared/k3s/survey.ts'
import { SERVERS as IPA_SERVERS } from '../shared/freeipa/names.ts'
import { nodesAtRisk, quorumAtRisk } from '../shared/k3s/invariants.ts'
import { longhornHealthy } from '../longhorn/index.ts'
import { askCopies, lastCopies } from './copies.ts'

/** Can everything else go on without this host? true, or why not. */
export async function canBeSpared(host: Host): Promise<true | string> {
  if (host.groups.includes(IPA_SERVERS))
    return `it is the FreeIPA server: the users, keys and certificates of the cloud are on no other host. If they may be lost, take it out of the group ${IPA_SERVERS} first`
  if (isNode(host)) {
    const answer = await clusterGoesOn(host)
    if (answer !== true) return answer
  }
  return vips(host).length > 0 ? vipsStay([host.name]) : true
}

async function clusterGoesOn({ name }: Host): Promise<true | string> {
  const found = await survey()
  if (!healthyIn(found).some(([server]) => server !== name))
    return 'no other K3s server is healthy, and the host can only be removed from the cluster on a healthy one'
  const servers = hosts(SERVERS).map(h => ({ name: h.name, address: addressOf(h) }))
  const risk = quorumAtRisk(servers, found, [name]) ?? nodesAtRisk(found, [name])
  if (risk !== undefined) return risk
  const volumes = await longhornHealthy.check('before', [name])
  if (volumes !== true) return volumes === false ? 'Longhorn is not healthy' : volumes
  return lastCopies(name, await onServer(askCopies, [name]))
}

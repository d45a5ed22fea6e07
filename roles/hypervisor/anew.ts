import { all, host as here, inventory, vips } from '../../lib/index.ts'
import { vipsStay } from '../haproxy-keepalived/index.ts'
import { etcdQuorum, nodesReady } from '../k3s-server/invariants.ts'
import { longhornHealthy } from '../longhorn/index.ts'
import { isNode } from '../reboot/index.ts'

/**
 * Can all these VMs be missing at the same time? true, or why not. A run makes them anew side by side where they are on
 * several hypervisors, and never waits until one is back in its cluster: so there is at most one node among them
 * (vmsOf). What only concerns VMs of other hypervisors, those ask.
 */
export async function canBeMissing(names: readonly string[]): Promise<true | string> {
  const going = [...inventory().hosts.values()].filter(h => names.includes(h.name))
  const own = going.filter(h => h.vmOn === here().name)
  const cluster = !own.some(isNode) || (await CLUSTER.check('before', names))
  if (cluster !== true) return cluster === false ? 'the cluster has to be well first' : cluster
  return own.some(h => vips(h).length > 0) ? vipsStay(names) : true
}

const CLUSTER = all(etcdQuorum, nodesReady, longhornHealthy)

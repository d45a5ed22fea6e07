import { all, host as here, inventory, vips } from '../../../lib/index.ts'
import { vipsStay } from '../../haproxy-keepalived/index.ts'
import { etcdQuorum, nodesReady } from '../../shared/k3s/invariants.ts'
import { longhornHealthy } from '../../longhorn/index.ts'
import { isNode } from '../../shared/k3s/survey.ts'

/**
 * Can these VMs be down at the same time? true, or why not. Several hypervisors recreate their VMs at the same time, and
 * no run waits until a node is back in its cluster; so at most one of the VMs is a node (vmsOf checks it). Each
 * hypervisor asks only for its own VMs.
 */
export async function canBeMissing(names: readonly string[]): Promise<true | string> {
  const going = [...inventory().hosts.values()].filter(h => names.includes(h.name))
  const own = going.filter(h => h.vmOn === here().name)
  const cluster = !own.some(isNode) || (await CLUSTER.check('before', names))
  if (cluster !== true)
    return cluster === false ? 'the cluster is unhealthy; repair it first' : cluster
  return own.some(h => vips(h).length > 0) ? vipsStay(names) : true
}

const CLUSTER = all(etcdQuorum, nodesReady, longhornHealthy)

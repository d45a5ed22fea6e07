import { all, play, playbook } from '../lib/index.ts'
import { longhornHealthy } from '../roles/longhorn/index.ts'
import { holdersLast, oneVipHolder } from '../roles/haproxy-keepalived/index.ts'
import { etcdQuorum, nodesReady } from '../roles/k3s-server/index.ts'
import reboot from '../roles/reboot/index.ts'

/** Reboots hosts one at a time, and checks before and after each what must hold. Not hypervisors: that would reboot all their VMs. */
export default playbook('reboot', [
  play('K3s servers', {
    hosts: 'k3s_servers',
    roles: [reboot],
    serial: 1,
    invariant: all(etcdQuorum, nodesReady, longhornHealthy),
  }),
  play('Load balancers', {
    hosts: 'loadbalancers',
    roles: [reboot],
    serial: 1,
    order: holdersLast,
    invariant: oneVipHolder,
  }),
  play('K3s agents', {
    hosts: 'k3s_agents',
    roles: [reboot],
    serial: 1,
    invariant: all(nodesReady, longhornHealthy),
  }),
  play('Databases', { hosts: 'databases', roles: [reboot], serial: 1 }),
  play('Others', {
    hosts: 'all:!k3s_cluster:!loadbalancers:!databases:!hypervisors',
    roles: [reboot],
    serial: 1,
  }),
])

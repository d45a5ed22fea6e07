import { all, play, playbook } from '../lib/index.ts'
import { longhornHealthy } from '../roles/longhorn/index.ts'
import k3sServer, { etcdQuorum, nodesReady } from '../roles/k3s-server/index.ts'
import k3sUpgrade, { drainedAgent } from '../roles/k3s-upgrade/index.ts'

/** Another release of K3s: first a snapshot, then the servers one by one, then the agents, each drained. */
export default playbook('k3s-upgrade', [
  play('Before', { hosts: 'k3s_servers', roles: [k3sUpgrade], serial: 1 }),
  play('Servers', {
    hosts: 'k3s_servers',
    roles: [k3sServer],
    serial: 1,
    invariant: all(etcdQuorum, nodesReady, longhornHealthy),
  }),
  play('Agents', {
    hosts: 'k3s_agents',
    roles: [drainedAgent],
    serial: 1,
    invariant: all(nodesReady, longhornHealthy),
  }),
])

import { all, play, playbook } from '../lib/index.ts'
import { longhornHealthy } from '../roles/longhorn/index.ts'
import flatcarUpdate from '../roles/flatcar-update/index.ts'
import { etcdQuorum, nodesReady } from '../roles/k3s-server/index.ts'

/** Turns off Flatcar's own updates and reboots; -e flatcar_version=… updates one host at a time. */
export default playbook('flatcar-update', [
  play('Servers', {
    hosts: 'k3s_servers:&flatcar',
    roles: [flatcarUpdate],
    serial: 1,
    invariant: all(etcdQuorum, nodesReady, longhornHealthy),
  }),
  play('Agents', {
    hosts: 'k3s_agents:&flatcar',
    roles: [flatcarUpdate],
    serial: 1,
    invariant: all(nodesReady, longhornHealthy),
  }),
  play('Others', { hosts: 'flatcar:!k3s_cluster', roles: [flatcarUpdate], serial: 1 }),
])

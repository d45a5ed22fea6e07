import { all, play, playbook } from '../lib/index.ts'
import certificates, { page } from '../roles/certificates/index.ts'
import { etcdQuorum, nodesReady } from '../roles/k3s-server/index.ts'

/** How long K3s's certificates last. A restart renews those that end soon, one node at a time. */
export default playbook(
  'certificates',
  [
    play('Servers', {
      hosts: 'k3s_servers',
      roles: [certificates],
      serial: 1,
      invariant: all(etcdQuorum, nodesReady),
    }),
    play('Agents', {
      hosts: 'k3s_agents',
      roles: [certificates],
      serial: 1,
      invariant: nodesReady,
    }),
  ],
  { conclude: page },
)

import { play, playbook } from '../lib/index.ts'
import { firstFirst, restoreServers, stopServers } from '../roles/etcd-restore/roles.ts'

/** Back to a snapshot: all servers stop, one begins with it, the others join that one. */
export default playbook(
  'etcd-restore',
  [
    play('Stop', { hosts: 'k3s_servers', roles: [stopServers] }),
    play('Restore', {
      hosts: 'k3s_servers',
      roles: [restoreServers],
      serial: 1,
      order: firstFirst,
    }),
  ],
  {
    confirm: ({ inventory, hosts }) => ({
      question: `K3s stops on ${hosts.map(h => h.name).join(', ')}, and the cluster goes back to the snapshot: whatever was made in it since then is gone.`,
      answer: inventory.domain,
    }),
  },
)

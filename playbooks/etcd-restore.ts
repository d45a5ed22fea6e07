import { play, playbook, TaskError } from '../lib/index.ts'
import { firstFirst, restoreServers, stopServers } from '../roles/etcd-restore/roles.ts'

/** Back to a snapshot: all servers stop, one starts from the snapshot, the others join it. */
export default playbook(
  'etcd-restore',
  [
    // All at once, and none while a server is unreachable: that one may still run with the newer data.
    play('Stop', { hosts: 'k3s_servers', roles: [stopServers], serial: '100%' }),
    play('Restore', {
      hosts: 'k3s_servers',
      roles: [restoreServers],
      serial: 1,
      order: firstFirst,
    }),
  ],
  {
    confirm: ({ inventory, hosts }) => {
      const first = (hosts[0]?.vars['etcd_restore_on'] ??
        inventory.groups.get('k3s_servers')?.[0]) as string
      const names = hosts.map(h => h.name).join(', ')
      if (!hosts.some(h => h.name === first))
        throw new TaskError(
          `${first} must start from the snapshot, but is not among these hosts: ${names}`,
          { hint: `start from another server: -e etcd_restore_on=${hosts[0]?.name ?? 'NAME'}` },
        )
      return {
        question: `K3s stops on ${names}, and the cluster goes back to the snapshot: everything that changed since then is lost.`,
        answer: inventory.domain,
      }
    },
  },
)

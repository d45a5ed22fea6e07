import { play, playbook, TaskError } from '../lib/index.ts'
import { firstFirst, restoreServers, stopServers } from '../roles/etcd-restore/roles.ts'

/** Back to a snapshot: all servers stop, one begins with it, the others join that one. */
export default playbook(
  'etcd-restore',
  [
    // All at once, and none while one cannot be reached: it may still run with the old history.
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
          `${first} is to begin with the snapshot and is not among these hosts: ${names}`,
          { hint: `let another one begin: -e etcd_restore_on=${hosts[0]?.name ?? 'NAME'}` },
        )
      return {
        question: `K3s stops on ${names}, and the cluster goes back to the snapshot: whatever was made in it since then is gone.`,
        answer: inventory.domain,
      }
    },
  },
)

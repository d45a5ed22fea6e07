import { play, playbook } from '../lib/index.ts'
import remove from '../roles/remove/index.ts'

/** Removes one host for good, dead or alive: drains it, deletes it from the cluster, undefines its VM. */
export default playbook(
  'remove',
  [play('Remove', { hosts: 'all:!hypervisors', roles: [remove], allowUnreachable: true })],
  {
    hosts: 'one host',
    confirm: ({ hosts }) => {
      const [host] = hosts
      const name = host?.name ?? ''
      const disks = host?.vars['remove_disks'] === 'wipe' ? 'deleted with all data' : 'kept'
      const machine =
        host?.vmOn === undefined ? '' : ` Its VM is undefined, and its disks are ${disks}.`
      return { question: `${name} is taken out of the cluster for good.${machine}`, answer: name }
    },
  },
)

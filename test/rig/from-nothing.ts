import { hosts, play, playbook, role, willExist, z } from '../../lib/index.ts'
import site from '../../playbooks/site.ts'

/** Says of every VM of a hypervisor that it would make it, and makes none. */
const machines = role({
  name: 'machines',
  summary: '',
  vars: z.object({}),
  tasks({ host }) {
    for (const vm of hosts('all').filter(h => h.vmOn === host.name)) willExist(vm)
    return Promise.resolve()
  },
})

/** The site as it is planned before any VM is there, without what the hypervisor itself does. */
export default playbook('site', [
  play('Machines', { hosts: 'hypervisors', roles: [machines] }),
  ...site.stages
    .map(stage => ({ together: stage.filter(p => p.hosts !== 'hypervisors') }))
    .filter(({ together }) => together.length > 0),
])

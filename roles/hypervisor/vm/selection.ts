import { hosts, inventory, TaskError, type Host } from '../../../lib/index.ts'
import { isNode } from '../../shared/k3s/survey.ts'
import type { Vars } from '../vars.ts'

/** The hosts that are VMs of this hypervisor, in the inventory's order. Throws TaskError for names that are no VM. */
export function vmsOf(
  hypervisor: Host,
  {
    hypervisor_vms: only,
    hypervisor_recreate: recreated,
  }: Pick<Vars, 'hypervisor_vms' | 'hypervisor_recreate'>,
): readonly Host[] {
  const vms = [...inventory().hosts.values()].filter(h => h.vmOn === hypervisor.name)
  const odd = only?.find(name => !vms.some(vm => vm.name === name))
  if (odd !== undefined)
    throw new TaskError(`hypervisor_vms names ${odd}, which is not a VM of ${hypervisor.name}`, {
      hint: `give the host vm_on: ${hypervisor.name}, or take it out of hypervisor_vms`,
    })
  const mine = only === undefined ? vms : vms.filter(vm => only.includes(vm.name))
  for (const name of recreated) {
    const vm = inventory().hosts.get(name)
    if (vm?.vmOn === undefined)
      throw new TaskError(`hypervisor_recreate names ${name}, which is not a VM in the inventory`)
    if (vm.vmOn === hypervisor.name && !mine.includes(vm))
      throw new TaskError(`hypervisor_recreate names ${name}, which hypervisor_vms leaves out`)
  }
  const nodes = hosts('all').filter(h => recreated.includes(h.name) && isNode(h))
  if (nodes.length > 1)
    throw new TaskError(
      `hypervisor_recreate names ${nodes.map(h => h.name).join(', ')}: nodes of one cluster, of which a run recreates only one`,
      {
        hint: 'recreate one, bring it back into the cluster with fmc play site, then recreate the next',
      },
    )
  return mine
}

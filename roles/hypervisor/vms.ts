import { inventory, TaskError, type Host } from '../../lib/index.ts'
import type { Vars } from './vars.ts'

/** The hosts to create here, in the inventory's order. Throws TaskError for a name that is no VM of this hypervisor. */
export function vmsOf(hypervisor: Host, { hypervisor_vms: only }: Vars): readonly Host[] {
  const vms = [...inventory().hosts.values()].filter(h => h.vmOn === hypervisor.name)
  const odd = only?.find(name => !vms.some(vm => vm.name === name))
  if (odd !== undefined)
    throw new TaskError(`hypervisor_vms names ${odd}, which is no VM of ${hypervisor.name}`, {
      hint: `give the host vm_on: ${hypervisor.name}, or take it out of hypervisor_vms`,
    })
  return only === undefined ? vms : vms.filter(vm => only.includes(vm.name))
}

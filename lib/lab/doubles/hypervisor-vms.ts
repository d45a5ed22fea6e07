import type { Host, Inventory } from '../../inventory/types.ts'
import type { LabState } from '../state.ts'

/** Each emulated machine takes a minute to boot, and one is enough for a rehearsal. */
const MOST = 1

/**
 * The VMs that the lab's hypervisor makes: none if the lab boots one of its VMs itself, else the first one that is not
 * Flatcar, for which there is no cloud image, preferably in a network that the hypervisor routes.
 */
export const vmsToMake = (inventory: Inventory, machines: readonly string[]): readonly string[] => {
  const routed = ({ nics, vmOn }: Host): boolean =>
    nics.some(nic => inventory.networks.get(nic.network)?.router === vmOn)
  const all = [...inventory.hosts.values()].filter(h => machines.includes(h.vmOn ?? ''))
  if (all.some(h => machines.includes(h.name))) return []
  const possible = all.filter(h => h.os.family !== 'flatcar')
  return [...possible.filter(routed), ...possible.filter(h => !routed(h))]
    .slice(0, MOST)
    .map(h => h.name)
}

/**
 * Variables for the lab's hypervisor, if it has one, and what they do not prove. `image`: the artifacts of the image that its VMs
 * boot from; undefined: it makes none.
 */
export const virtualMachines = (
  inventory: Inventory,
  machines: readonly string[],
  names: readonly string[],
  image: LabState['artifacts'] | undefined,
): Pick<LabState, 'vars' | 'artifacts' | 'standIns' | 'made' | 'planned'> => {
  const possible = [...inventory.hosts.values()].filter(h => machines.includes(h.vmOn ?? ''))
  const nothing = { vars: {}, artifacts: {} }
  if (possible.length === 0) return { ...nothing, standIns: [], made: [], planned: nothing }
  const debian = image?.['image-debian']
  return {
    made: names,
    planned: debian
      ? {
          vars: {
            hypervisor_vms: possible.map(h => h.name).filter(name => !machines.includes(name)),
          },
          artifacts: { 'image-flatcar': debian },
        }
      : nothing,
    vars: {
      hypervisor_vms: names,
      hypervisor_emulation: true,
      // Machines have the sizes of the real cloud; their disks take only what is written.
      ...(names.length === 0 ? {} : { hypervisor_overcommit: true, hypervisor_boot_seconds: 900 }),
    },
    artifacts: image ?? {},
    standIns:
      names.length === 0
        ? []
        : [
            `of the VMs the role hypervisor makes ${names.join(', ')}, emulated, from an image of Debian's packages: proves nothing about KVM, AlmaLinux' image or Flatcar's (others: -e 'hypervisor_vms=[HOST, …]')`,
          ],
  }
}

import type { Advice, Advisor } from '../../lib/index.ts'
import { imageOf, IMAGES } from './vm/images.ts'
import type { Vars } from './vars.ts'

export function advise({ vars, host, inventory }: Advisor<Vars>): readonly Advice[] {
  const vms = [...inventory.hosts.values()].filter(vm => vm.vmOn === host.name)
  return [
    ...vms
      .filter(({ os }) => imageOf(os) === undefined)
      .map(({ name, os }) => ({
        at: ['hosts', name, 'os'],
        message: `there is no image of ${[os.name, os.version].filter(Boolean).join(' ')} to create ${name} from`,
        hint: `create it yourself, or use one of: ${IMAGES.join(', ')}`,
      })),
    ...(vars.hypervisor_recreate.length === 0
      ? []
      : [
          {
            variable: 'hypervisor_recreate',
            message: 'in an inventory it recreates these VMs in every run',
            hint: 'take it out of the inventory, and give it with -e when you want it',
          },
        ]),
  ]
}

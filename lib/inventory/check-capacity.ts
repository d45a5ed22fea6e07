import type { UnplacedProblem } from './problem.ts'
import type { RawInventory } from './raw.ts'
import { megabytes } from './resolve.ts'

/** Warnings for hypervisors whose VMs together have more memory or vCPUs than the hypervisor. */
export function capacityProblems(raw: RawInventory): UnplacedProblem[] {
  return Object.entries(raw.hosts).flatMap(([name, host]) => {
    const vms = Object.values(raw.hosts).filter(vm => vm.vm_on === name)
    const memory = vms.reduce(
      (sum, vm) => sum + (vm.memory === undefined ? 0 : megabytes(vm.memory)),
      0,
    )
    const vcpu = vms.reduce((sum, vm) => sum + (vm.vcpu ?? 0), 0)
    const found: UnplacedProblem[] = []
    const warn = (key: string, message: string, hint: string): void => {
      found.push({ severity: 'warning', path: ['hosts', name, key], message, hint })
    }
    const has = host.memory === undefined ? Infinity : megabytes(host.memory)
    if (memory > has)
      warn(
        'memory',
        `the ${vms.length} VMs of ${name} have ${gb(memory)} of memory together, ${gb(memory - has)} more than its ${gb(has)}`,
        'make VMs smaller, or move some to another hypervisor',
      )
    if (host.vcpu !== undefined && vcpu > host.vcpu)
      warn(
        'vcpu',
        `the ${vms.length} VMs of ${name} have ${vcpu} vCPUs together, ${vcpu - host.vcpu} more than its ${host.vcpu}`,
        'the VMs share its processors, which suits only idle VMs',
      )
    return found
  })
}

const gb = (megabyte: number): string => `${Number((megabyte / 1024).toFixed(2))} GB`

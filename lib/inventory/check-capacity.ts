import { error } from './check-references.ts'
import type { UnplacedProblem } from './problem.ts'
import type { RawHost, RawInventory } from './raw.ts'
import { megabytes } from './resolve.ts'

/** What a machine can have too little of. */
interface Resource {
  /** The key of a host that a problem of it points at. */
  readonly key: 'memory' | 'vcpu' | 'root_disk'
  /** What one host has; undefined: the inventory does not say. */
  readonly of: (host: RawHost) => number | undefined
  /** What a VM takes, if that is not all that it has as a host. */
  readonly taken?: (vm: RawHost) => number
  /** An amount in words. */
  readonly words: (amount: number) => string
  /** How VMs can share it, for the warning that they have more than there is; undefined: no warning, since disks grow as they fill. */
  readonly sharing: string | undefined
}

const gb = (megabyte: number): string => `${Number((megabyte / 1024).toFixed(2))} GB`

const sizes = (disks: RawHost['disks']): string[] => (disks ?? []).map(({ size }) => size)
const total = (all: readonly string[]): number =>
  all.reduce((sum, size) => sum + megabytes(size), 0)

const RESOURCES: readonly Resource[] = [
  {
    key: 'memory',
    of: ({ memory }) => (memory === undefined ? undefined : megabytes(memory)),
    words: amount => `${gb(amount)} of memory`,
    sharing: 'make VMs smaller, or move some to another hypervisor',
  },
  {
    key: 'vcpu',
    of: ({ vcpu }) => vcpu,
    words: amount => `${amount} vCPU${amount === 1 ? '' : 's'}`,
    sharing: 'the VMs share its processors, which suits only idle VMs',
  },
  {
    key: 'root_disk',
    of: ({ root_disk, disks }) =>
      root_disk === undefined ? undefined : total([root_disk, ...sizes(disks)]),
    taken: ({ root_disk, disks }) => total([root_disk ?? '0MB', ...sizes(disks)]),
    words: amount => `${gb(amount)} of disks`,
    sharing: undefined,
  },
]

/**
 * Errors for VMs that alone have more memory, vCPUs or disk than their hypervisor, and warnings for hypervisors whose VMs together
 * have more memory or vCPUs. A size that the inventory does not state is not checked.
 */
export function capacityProblems(raw: RawInventory): UnplacedProblem[] {
  const vmsOf = new Map<string, [name: string, host: RawHost][]>()
  for (const vm of Object.entries(raw.hosts)) {
    const on = vm[1].vm_on
    if (on === undefined || on === vm[0]) continue
    const others = vmsOf.get(on)
    if (others === undefined) vmsOf.set(on, [vm])
    else others.push(vm)
  }
  return [...vmsOf].flatMap(([name, vms]) => {
    const host = Object.hasOwn(raw.hosts, name) ? raw.hosts[name] : undefined
    return host === undefined
      ? []
      : RESOURCES.flatMap(resource => resourceProblems(resource, name, host, vms))
  })
}

function resourceProblems(
  { key, of, taken = vm => of(vm) ?? 0, words, sharing }: Resource,
  name: string,
  host: RawHost,
  vms: readonly (readonly [name: string, host: RawHost])[],
): UnplacedProblem[] {
  const has = of(host)
  if (has === undefined) return []
  const tooLarge = vms.flatMap(([vm, own]): UnplacedProblem[] => {
    const wants = taken(own)
    if (wants <= has) return []
    return [
      {
        ...error(
          ['hosts', vm, key],
          `${vm} has ${words(wants)}, more than its hypervisor ${name}, which has ${words(has)}`,
          `make ${vm} smaller, or set vm_on to another hypervisor`,
        ),
        other: { path: ['hosts', name, key], message: `what ${name} has` },
      },
    ]
  })
  const sum = vms.reduce((all, [, vm]) => all + taken(vm), 0)
  if (tooLarge.length > 0 || sharing === undefined || sum <= has) return tooLarge
  const more = key === 'memory' ? [gb(sum - has), gb(has)] : [String(sum - has), String(has)]
  return [
    {
      severity: 'warning',
      path: ['hosts', name, key],
      message: `the ${vms.length} VMs of ${name} have ${words(sum)} together, ${more[0] ?? ''} more than its ${more[1] ?? ''}`,
      hint: sharing,
    },
  ]
}

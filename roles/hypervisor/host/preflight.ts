import {
  ask,
  excerpt,
  quote,
  resource,
  TaskError,
  type Common,
  type Host,
} from '../../../lib/index.ts'
import type { Vars } from '../vars.ts'

/** The hypervisor's resources. Sizes in MB. */
export interface Capacity {
  /** Has the processor hardware virtualization? */
  readonly flags: boolean
  /** Does the kernel offer it? */
  readonly kvm: boolean
  readonly cpus: number
  readonly memory: number
  /** Free on the pool's file system, plus what the pool uses already. */
  readonly disk: number
}

const question = (pool: string): string => `d=${quote(pool)}
while [ ! -d "$d" ]; do d=\${d%/*}; [ -n "$d" ] || d=/; done
f=no; ! grep -qwE 'vmx|svm' /proc/cpuinfo || f=yes
k=no; [ ! -c /dev/kvm ] || k=yes
u=0; [ ! -d ${quote(pool)} ] || u=$(du -sxk -- ${quote(pool)} | cut -f1)
echo "$f $k $(nproc) $(sed -n 's/^MemTotal: *\\([0-9]*\\) kB$/\\1/p' /proc/meminfo) $(df -Pk -- "$d" | sed -n '2s/^.* \\([0-9]*\\) *[0-9]*% .*$/\\1/p') $u"`

/** Parses what the question prints; throws TaskError. */
export function parseCapacity(text: string): Capacity {
  const found = /^(yes|no) (yes|no) (\d{1,15}) (\d{1,15}) (\d{1,15}) (\d{1,15})\n$/.exec(text)
  if (!found) throw new TaskError(`cannot read the host's resources: ${excerpt(text)}`)
  const [flags, kvm, ...numbers] = found.slice(1)
  const [cpus = 0, memory = 0, free = 0, used = 0] = numbers.map(Number)
  return {
    flags: flags === 'yes',
    kvm: kvm === 'yes',
    cpus,
    memory: Math.floor(memory / 1024),
    disk: Math.floor((free + used) / 1024),
  }
}

type Limits = Pick<
  Vars,
  | 'hypervisor_emulation'
  | 'hypervisor_overcommit'
  | 'hypervisor_reserved_mb'
  | 'hypervisor_pool_path'
>

/** The reasons why these VMs cannot run here. Pure. */
export function objections(vms: readonly Host[], has: Capacity, limits: Limits): string[] {
  const found: string[] = []
  if (!limits.hypervisor_emulation && !has.flags)
    found.push(
      'the processor has no hardware virtualization (neither vmx nor svm in /proc/cpuinfo)',
    )
  else if (!limits.hypervisor_emulation && !has.kvm)
    found.push('there is no /dev/kvm: virtualization is switched off in the firmware')
  for (const vm of vms)
    for (const [key, value] of Object.entries({
      memory: vm.memoryMb,
      vcpu: vm.vcpu,
      root_disk: vm.rootDiskGb,
    }))
      if (value === undefined) found.push(`${vm.name} has no ${key} in the inventory`)
  if (limits.hypervisor_overcommit) return found
  const sum = (of: (vm: Host) => number): number => vms.reduce((total, vm) => total + of(vm), 0)
  const compare = (what: string, wanted: number, there: number, show: (n: number) => string) => {
    if (wanted > there)
      found.push(
        `the ${vms.length} VMs need ${show(wanted)} of ${what}, ${show(wanted - there)} more than the ${show(there)} that the host has`,
      )
  }
  const reserved = limits.hypervisor_reserved_mb
  compare(
    reserved === 0 ? 'memory' : `memory besides the ${gb(reserved)} reserved for the host`,
    sum(vm => vm.memoryMb ?? 0),
    has.memory - reserved,
    gb,
  )
  compare(
    'vCPU',
    sum(vm => vm.vcpu ?? 0),
    has.cpus,
    String,
  )
  compare(
    `disk in ${limits.hypervisor_pool_path}`,
    sum(vm => [vm.rootDiskGb ?? 0, ...vm.disks.map(d => d.sizeGb)].reduce((a, b) => a + b) * 1024),
    has.disk,
    gb,
  )
  return found
}

const gb = (megabytes: number): string => `${Number((megabytes / 1024).toFixed(1))} GB`

const define = resource({
  name: (_: Common & { readonly vms: readonly Host[]; readonly limits: Limits }) => 'preflight',
  needs: o => ({ now: ask('command', question(o.limits.hypervisor_pool_path)) }),
  plan({ vms, limits }, { now }) {
    const found = objections(vms, parseCapacity(now.stdout), limits)
    if (found.length === 0) return []
    throw new TaskError(`nothing was changed: ${found.join('; ')}`, {
      hint: 'hypervisor_overcommit: true accepts too little memory, processors or disk; hypervisor_emulation: true accepts a processor without virtualization',
    })
  },
})

/** Checks that these VMs can run here. Changes nothing. Throws TaskError with all figures. */
export const preflight = (vms: readonly Host[], limits: Limits): Promise<unknown> =>
  define({ vms, limits })

import {
  bridgeOf,
  hosts,
  inventory,
  loginKeys,
  macOf,
  newEachTime,
  TaskError,
  type Common,
  type Disk,
  type Host,
  type HostKey,
  type Nic,
} from '../../../lib/index.ts'
import type { Machine } from './domain.ts'
import { guestOf, nameservers } from './guest.ts'
import { kindOf, type Image } from './images.ts'
import { uuidOf } from '../network/libvirt-networks.ts'
import type { Notes } from './notes.ts'
import type { Platform } from '../platform.ts'
import type { DomainNic } from './survey.ts'
import type { Vars } from '../vars.ts'
import type { Volume } from './volumes.ts'

export interface DeclaredVm extends Common {
  readonly machine: Machine
  readonly pool: string
  readonly volumes: readonly Volume[]
  /** Only for a machine that is about to be created. */
  readonly key?: HostKey | undefined
  readonly authorized: readonly string[]
  /** Group of QEMU's processes. */
  readonly group: string
}

/** A VM as the inventory declares it; with an image if it is about to be created. Throws TaskError for what the inventory lacks. */
export async function declaredVm(
  vm: Host,
  vars: Vars,
  platform: Platform,
  base?: Image,
): Promise<DeclaredVm> {
  const pool = vars.hypervisor_pool_path
  const volumes = volumesOf(vm, pool, base)
  const explicit = vars.hypervisor_authorized_keys
  const groups = ['infra', 'ipa_servers'].filter(group => inventory().groups.has(group))
  const servers = hosts(vars.hypervisor_dns_servers ?? (groups.join(',') || 'all:!all'))
  const dns = nameservers(vm, servers, vars.hypervisor_dns_upstreams)
  return {
    machine: machineOf(vm, vars, volumes, {
      created: Number(newEachTime(String(Date.now()))),
      image: base?.name ?? '',
      guest: guestOf(vm, inventory(), dns),
      ...(explicit ? { authorized: explicit } : {}),
      disks: Object.fromEntries(volumes.map(v => [v.file, v.gigabytes])),
    }),
    pool,
    volumes,
    authorized: explicit ?? (await loginKeys(vm)),
    group: platform.qemuGroup,
  }
}

function machineOf(vm: Host, vars: Vars, volumes: readonly Volume[], notes: Notes): Machine {
  const { name, vcpu, memoryMb } = vm
  if (vcpu === undefined || memoryMb === undefined)
    throw new TaskError(`${name} needs vcpu and memory in the inventory to be a VM`)
  const pool = vars.hypervisor_pool_path
  return {
    name,
    uuid: uuidOf(`machine ${name}`),
    memoryMb,
    vcpus: vcpu,
    emulation: vars.hypervisor_emulation,
    disks: volumes.map(({ file }, n) => ({ file, serial: serialOf(vm, vm.disks[n - 1]) })),
    nics: vm.nics.map(nic => ({ mac: macOf(vm, nic), source: sourceOf(nic) })),
    firstBoot:
      kindOf(vm).firstBoot === 'ignition'
        ? { kind: 'ignition', file: `${pool}/${name}.ign` }
        : { kind: 'cloud-init', iso: `${pool}/${name}-seed.iso` },
    console: consoleOf(vm),
    notes,
  }
}

/** File of a VM's root disk. */
export const rootOf = (pool: string, name: string): string => `${pool}/${name}.qcow2`

/** Marks a machine that is being created: files of it without a domain are then fmc's own. */
export const markOf = (pool: string, name: string): string => `${pool}/.${name}.fmc-new`

/** Log file of its serial console. */
export const consoleOf = ({ name }: Host): string => `/var/log/libvirt/qemu/${name}-console.log`

/** What libvirt connects a network card to: the host's bridge of the LAN, or one of libvirt's networks. */
function sourceOf({ network: name }: Nic): DomainNic['source'] {
  const network = inventory().networks.get(name)
  return network?.mode === 'bridge' ? `bridge ${bridgeOf(network)}` : `network ${name}`
}

/** The disks of a VM, the root disk first. */
export function volumesOf(vm: Host, pool: string, base?: Image): readonly Volume[] {
  if (vm.rootDiskGb === undefined)
    throw new TaskError(`${vm.name} needs root_disk in the inventory to be a VM`)
  return [
    { file: rootOf(pool, vm.name), gigabytes: vm.rootDiskGb, image: base?.path },
    ...vm.disks.map(disk => ({
      file: `${pool}/${vm.name}-${disk.name}.qcow2`,
      gigabytes: disk.sizeGb,
    })),
  ]
}

/** The serial of a disk. udev names a virtio disk /dev/disk/by-id/virtio-<serial>; QEMU takes 20 characters. */
function serialOf(vm: Host, disk: Disk | undefined): string {
  if (disk === undefined) return 'root'
  const serial = /^\/dev\/disk\/by-id\/virtio-([\w.-]{1,20})$/.exec(disk.device)?.[1]
  if (serial !== undefined && serial !== 'root' && serial !== 'cidata') return serial
  throw new TaskError(
    `disk ${disk.name} of ${vm.name} has the device ${disk.device}, but a VM's disk is at /dev/disk/by-id/virtio-NAME (at most 20 characters, not root or cidata)`,
  )
}

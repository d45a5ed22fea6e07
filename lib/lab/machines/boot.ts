import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { labCache } from '../paths.ts'
import type { Host } from '../../inventory/types.ts'
import { endGroups, startTime } from './cgroups.ts'
import { attachDisks, detachDisks } from './disks.ts'
import type { Images } from '../images/images.ts'
import { leaderOf, startMachine } from './nspawn.ts'
import { plugIn } from '../network/cables.ts'
import { accelerator, startVm } from './qemu.ts'
import { personalityOf, type Rootfs } from '../images/rootfs.ts'
import type { LabHost } from '../state.ts'
import type { HostPlan } from '../network/topology.ts'
import { vmImage } from '../images/qemu-image.ts'

/** Whether a machine is still running. */
export const alive = (host: LabHost): boolean =>
  startTime(host.pid) === host.startTime && (host.vm || leaderOf(host.pid) !== undefined)

interface BootOptions {
  /** The lab's directory. */
  readonly dir: string
  readonly key: string
  readonly images: Images
  /** The root file system that lab.images names for the host's OS; unused by a virtual machine. */
  readonly rootfs: Rootfs | undefined
  /** wireguard-go, where the kernel has no WireGuard. */
  readonly wireguard: string | undefined
  readonly vm: boolean
  /** The host as the lab last ran it. */
  readonly before: LabHost | undefined
  readonly log: (text: string) => void
}

/** Boots one host in its place in the network. It keeps its disks, unless it was a machine of the other kind before. */
export const boot = async (host: Host, place: HostPlan, options: BootOptions): Promise<LabHost> => {
  const dirs = {
    dir: join(options.dir, 'hosts', host.name),
    diskDir: join(options.dir, 'disks', host.name),
  }
  await endGroups(options.key, host.name)
  if (options.before !== undefined && options.before.vm !== options.vm) {
    await detachDisks(dirs.diskDir)
    for (const path of [dirs.dir, dirs.diskDir]) rmSync(path, { recursive: true, force: true })
  }
  const start = options.vm ? bootVm : bootMachine
  const { disks, pid, startTime } = await start(host, place, { ...options, ...dirs })
  return {
    name: host.name,
    address: host.address,
    netns: place.netns,
    personality: personalityOf(host, options.vm),
    image: !options.vm && options.rootfs !== undefined,
    vm: options.vm,
    pid,
    startTime,
    ready: false,
    ports: place.links.map(link => ({ netns: link.switchNetns, device: link.port })),
    disks: disks.map(({ file, device }) => ({ file, device })),
  }
}

interface StartOptions extends Omit<BootOptions, 'dir'> {
  readonly dir: string
  readonly diskDir: string
}

interface Started {
  readonly pid: number
  readonly startTime: string
  readonly disks: readonly { readonly file: string; readonly device: string }[]
}

const labDirOf = (dir: string): string => join(dir, '..', '..')

const bootMachine = async (host: Host, place: HostPlan, o: StartOptions): Promise<Started> => {
  const disks = await attachDisks(o.diskDir, host.disks)
  await plugIn(place)
  const started = await startMachine({
    name: host.name,
    key: o.key,
    labDir: labDirOf(o.dir),
    dir: o.dir,
    netns: place.netns,
    os: host.os,
    personality: personalityOf(host),
    images: o.images,
    rootfs: o.rootfs,
    disks,
    place,
    wireguard: o.wireguard,
  })
  return { ...started, disks }
}

const bootVm = async (host: Host, place: HostPlan, o: StartOptions): Promise<Started> => {
  const image = await vmImage(personalityOf(host, true), o.images, o.log)
  return startVm({
    host,
    place,
    key: o.key,
    labDir: labDirOf(o.dir),
    dir: o.dir,
    diskDir: o.diskDir,
    image,
    accelerator: await accelerator(image, labCache('kvm')),
  })
}

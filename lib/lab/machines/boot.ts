import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { labCache } from '../paths.ts'
import type { Host } from '../../inventory/types.ts'
import { endGroups, startTime } from './cgroups.ts'
import { attachDisks, detachDisks } from './disks.ts'
import type { Images } from '../images/images.ts'
import { leaderOf, startMachine } from './nspawn.ts'
import { plugIn, unplug } from '../network/cables.ts'
import type { Recipe } from '../changes.ts'
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
  /** The host as the lab last ran it: it keeps its root and its disks. Without it the host is new. */
  readonly before: LabHost | undefined
  readonly log: (text: string) => void
}

const dirsOf = (labDir: string, host: string) => ({
  dir: join(labDir, 'hosts', host),
  diskDir: join(labDir, 'disks', host),
})

/** Ends a host and removes its cables and its files, but the disks of these names. It may be repeated after an interruption. */
export const remove = async (
  lab: { readonly dir: string; readonly key: string },
  host: string,
  place: HostPlan | undefined,
  keepDisks: readonly string[] = [],
): Promise<void> => {
  const { dir, diskDir } = dirsOf(lab.dir, host)
  await endGroups(lab.key, host)
  await detachDisks(diskDir)
  if (place !== undefined) await unplug(place)
  rmSync(dir, { recursive: true, force: true })
  for (const name of existsSync(diskDir) ? readdirSync(diskDir) : [])
    if (!keepDisks.some(disk => name === `${disk}.img`)) rmSync(join(diskDir, name))
}

/** Boots one host in its place in the network. */
export const boot = async (host: Host, recipe: Recipe, options: BootOptions): Promise<LabHost> => {
  const dirs = dirsOf(options.dir, host.name)
  const { place, vm } = recipe
  await endGroups(options.key, host.name)
  const start = vm ? bootVm : bootMachine
  const image = options.rootfs?.root ?? options.images.roots[personalityOf(host, vm)]
  const root = options.before?.root ?? image
  const k3s = recipe.k3s === 'real'
  const { disks, pid, startTime } = await start(host, place, { ...options, ...dirs, root, k3s })
  return {
    name: host.name,
    address: host.address,
    netns: place.netns,
    personality: personalityOf(host, vm),
    image: !vm && options.rootfs !== undefined,
    vm,
    pid,
    startTime,
    ready: false,
    ports: place.links.map(link => ({ netns: link.switchNetns, device: link.port })),
    disks: disks.map(({ file, device }) => ({ file, device })),
    recipe,
    root: vm ? undefined : root,
    wireguard: options.wireguard !== undefined,
  }
}

interface StartOptions extends Omit<BootOptions, 'dir'> {
  readonly root: string
  readonly k3s: boolean
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
    root: o.root,
    rootfs: o.rootfs,
    disks,
    place,
    wireguard: o.wireguard,
    k3s: o.k3s,
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
    k3s: o.k3s,
  })
}

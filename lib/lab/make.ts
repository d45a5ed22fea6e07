import type { Inventory } from '../inventory/types.ts'
import { etcdctl } from './doubles/etcdctl.ts'
import { installedGo } from './doubles/golang.ts'
import { vmsToMake } from './doubles/hypervisor-vms.ts'
import { madePrograms, programsOf } from './doubles/programs.ts'
import { wireguardGo } from './doubles/wireguard-go.ts'
import { all } from './exec.ts'
import { cloudImageIn, cloudImagePart } from './images/cloud-image.ts'
import { imageParts, type ImageParts, type Images } from './images/images.ts'
import { ownPackages } from './images/own-packages.ts'
import { makeParts, missing, type Part } from './images/parts.ts'
import { imagesFor, programsFor, type ImageNeeds, type Machine } from './needs.ts'
import { prerequisites } from './prerequisites.ts'
import { realK3s } from './real-k3s.ts'
import type { LabState, Personality, Programs } from './state.ts'
import type { Terminal } from './progress.ts'

interface MakeOptions {
  /** Install what is missing without asking. */
  readonly yes: boolean
  readonly artifactsDir?: string | undefined
  /** Where the progress may be written again and again. */
  readonly terminal?: Terminal | undefined
  readonly log: (text: string) => void
}

/** What a lab is made of. */
interface Made extends Pick<LabState, 'artifacts' | 'skippedRoles'> {
  readonly images: Images
  /** The artifacts of the image that its hypervisor's VMs boot from. */
  readonly vmImage: LabState['artifacts'] | undefined
}

/**
 * Makes, or takes from the cache, what these machines boot from and the programs that they need, and nothing else but the
 * images of the personalities `more`.
 */
export const make = async (
  inventory: Inventory,
  machines: readonly Machine[],
  programs: Programs,
  o: MakeOptions,
  more: readonly Personality[] = [],
): Promise<Made> => {
  const parts = imageParts()
  const own = await programsOf({ inventory, programs }, o)
  const cloud = programs.cloudImage === true ? cloudImagePart() : undefined
  const needs = imagesFor(inventory, machines, programs)
  const needed = partsOf(parts, { ...needs, images: [...needs.images, ...more] })
  // One or the other may ask, so they come before the progress.
  if (missing(own.map(p => p.part)).length > 0)
    await installedGo(o).catch((error: unknown) => o.log(String(error)))
  if (cloud !== undefined && missing([cloud]).length > 0)
    await prerequisites({ vm: false, image: true, yes: o.yes, log: o.log })
  const [failed, real] = await all([
    makeParts(
      [...needed, ...(cloud === undefined ? [] : [cloud]), ...own.map(p => p.part)],
      o.log,
      o.terminal,
    ),
    programs.realK3s === undefined ? undefined : realK3s(programs.realK3s, o),
  ])
  const { artifacts, skippedRoles } = await madePrograms(own, failed, o.log)
  const { mirror } = parts.images
  return {
    images: parts.images,
    artifacts: {
      ...artifacts,
      ...real?.artifacts,
      ...(programs.wireguard ? await wireguardGo(mirror) : {}),
      ...(programs.etcdctl === true ? await etcdctl(mirror) : {}),
    },
    skippedRoles,
    vmImage: cloud && cloudImageIn(cloud),
  }
}

const partsOf = (parts: ImageParts, { images, mirror, rpms }: ImageNeeds): Part[] => [
  ...(mirror ? [parts.debian] : []),
  ...(rpms ? [parts.el9] : []),
  ...images.map(personality => parts.image[personality]),
]

/** How `fmc lab build` makes. */
export interface MakeAllOptions extends MakeOptions {
  /** Also for operating systems that no host has. */
  readonly everything: boolean
}

const EVERY: readonly Personality[] = ['debian', 'debian13', 'el9', 'flatcar']

/**
 * `fmc lab build`: makes what the inventory's hosts, its roles and the VMs of its hypervisors may need, without booting
 * anything.
 */
export const makeAll = async (
  inventory: Inventory,
  o: MakeAllOptions,
): Promise<Pick<LabState, 'skippedRoles'>> => {
  await prerequisites({ vm: false, yes: o.yes, log: o.log })
  const wanted = [...inventory.hosts.values()]
  const asked = { wanted, roles: undefined, grows: false, before: undefined }
  const hypervisors = wanted.filter(h => vmsToMake(inventory, [h.name]).length > 0)
  const programs: Programs = {
    ...programsFor(inventory, asked),
    ...(o.everything ? { k3s: true } : {}),
    cloudImage: o.everything || hypervisors.length > 0,
    artifacts: inventory.artifacts,
  }
  const machines = wanted.map(host => ({
    ...{ host, vm: false },
    image: inventory.lab.images[host.os.name] !== undefined,
  }))
  const made = await make(inventory, machines, programs, o, o.everything ? EVERY : [])
  await ownPackages(inventory, made.images, o.log)
  return made
}

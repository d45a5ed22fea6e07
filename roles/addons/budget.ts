import type { Host } from '../../lib/index.ts'
import type { AddOn } from './add-on.ts'
import { STORAGE_CLASS } from './add-on.ts'
import { wanted } from './catalogue.ts'
import type { Vars } from './vars.ts'

/** MiB of a worker that add-ons cannot use: Flatcar, K3s, Longhorn and its replicas' processes, Traefik. */
export const RESERVED = 2048
/** Copies of a volume (longhorn_replicas), at most one for each node. */
const COPIES = 3
/** The part of a data disk for volumes. Longhorn keeps some free, and snapshots take some. */
const USABLE = 0.8

/** What add-ons ask for, and what the nodes have for them: memory in MiB, disk in GiB with all copies. */
export interface Budget {
  readonly memory: number
  readonly memoryAvailable: number
  readonly disk: number
  readonly diskAvailable: number
}

const sum = <T>(list: readonly T[], of: (item: T) => number): number =>
  list.reduce((total, item) => total + of(item), 0)

/** MiB that an add-on's pods ask for on this number of nodes. */
export const memoryOf = (entry: AddOn, nodes: number): number =>
  sum(entry.pods, p => p.memory * (p.count === 'node' ? nodes : p.count))

/** GiB of an add-on's volumes, without copies. */
const diskOf = (entry: AddOn): number => sum(entry.volumes, v => v.count * v.gib)

/** The budget of these add-ons on these nodes, whose data disk is named `disk`. */
export function budget(chosen: readonly AddOn[], nodes: readonly Host[], disk = 'data'): Budget {
  return {
    memory: sum(chosen, a => memoryOf(a, nodes.length)),
    memoryAvailable: sum(nodes, n => Math.max(0, (n.memoryMb ?? 0) - RESERVED)),
    disk: sum(chosen, diskOf) * Math.min(COPIES, nodes.length),
    diskAvailable: Math.floor(
      USABLE * sum(nodes, n => n.disks.find(d => d.name === disk)?.sizeGb ?? 0),
    ),
  }
}

const gb = (mib: number): string => `${Number((mib / 1024).toFixed(1))} GB`

/** Warnings for `fmc lint`; [] when everything fits. */
export function excess(vars: Vars, nodes: readonly Host[]): { message: string; hint: string }[] {
  const chosen = wanted(vars.addons)
  const { memory, memoryAvailable, disk, diskAvailable } = budget(chosen, nodes)
  const where = `${nodes.length} nodes of ${vars.addons_nodes}`
  const biggest = [...chosen]
    .sort((a, b) => memoryOf(b, nodes.length) - memoryOf(a, nodes.length))
    .slice(0, 3)
    .map(a => `${a.name} ${gb(memoryOf(a, nodes.length))}`)
    .join(', ')
  return [
    ...(memory > memoryAvailable
      ? [
          {
            message: `the add-ons ask for ${gb(memory)} of memory; the ${where} have ${gb(memoryAvailable)} beside the system`,
            hint: `leave one out (${biggest}), or give the nodes more memory`,
          },
        ]
      : []),
    ...(disk > diskAvailable
      ? [
          {
            message: `the add-ons' volumes take ${disk} GB of ${STORAGE_CLASS} with their copies; the ${where} have ${diskAvailable} GB`,
            hint: 'leave one out, or give the nodes larger data disks',
          },
        ]
      : []),
  ]
}

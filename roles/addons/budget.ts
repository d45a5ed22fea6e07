import type { Host } from '../../lib/index.ts'
import type { AddOn } from './add-on.ts'
import { STORAGE_CLASS } from './add-on.ts'
import { wanted } from './catalogue.ts'
import type { Vars } from './vars.ts'

/** MiB of a worker that are not for add-ons: Flatcar, K3s, Longhorn with its copies' processes, Traefik. */
export const RESERVED = 2048
/** Copies of a volume (longhorn_replicas), at most one for each node. */
const COPIES = 3
/** Of a data disk, for what Longhorn keeps free and for snapshots. */
const USABLE = 0.8

export interface Budget {
  readonly memory: number
  readonly memoryThere: number
  readonly disk: number
  readonly diskThere: number
}

const sum = <T>(list: readonly T[], of: (item: T) => number): number =>
  list.reduce((total, item) => total + of(item), 0)

/** MiB that an add-on's pods ask for, on so many nodes. */
export const memoryOf = (entry: AddOn, nodes: number): number =>
  sum(entry.pods, p => p.memory * (p.count === 'node' ? nodes : p.count))

/** GiB of its volumes, each counted once. */
export const diskOf = (entry: AddOn): number => sum(entry.volumes, v => v.count * v.gib)

/** What is asked for and what is there: memory in MiB, disk in GiB with its copies. */
export function budget(chosen: readonly AddOn[], nodes: readonly Host[], disk = 'data'): Budget {
  return {
    memory: sum(chosen, a => memoryOf(a, nodes.length)),
    memoryThere: sum(nodes, n => Math.max(0, (n.memoryMb ?? 0) - RESERVED)),
    disk: sum(chosen, diskOf) * Math.min(COPIES, nodes.length),
    diskThere: Math.floor(
      USABLE * sum(nodes, n => n.disks.find(d => d.name === disk)?.sizeGb ?? 0),
    ),
  }
}

const gb = (mib: number): string => `${Number((mib / 1024).toFixed(1))} GB`

/** What `fmc lint` warns of; [] when everything fits. */
export function excess(vars: Vars, nodes: readonly Host[]): { message: string; hint: string }[] {
  const chosen = wanted(vars.addons)
  const { memory, memoryThere, disk, diskThere } = budget(chosen, nodes)
  const where = `${nodes.length} nodes of ${vars.addons_nodes}`
  const biggest = [...chosen]
    .sort((a, b) => memoryOf(b, nodes.length) - memoryOf(a, nodes.length))
    .slice(0, 3)
    .map(a => `${a.name} ${gb(memoryOf(a, nodes.length))}`)
    .join(', ')
  return [
    ...(memory > memoryThere
      ? [
          {
            message: `the add-ons ask for ${gb(memory)} of memory; the ${where} have ${gb(memoryThere)} beside the system`,
            hint: `leave one out (${biggest}), or give the nodes more memory`,
          },
        ]
      : []),
    ...(disk > diskThere
      ? [
          {
            message: `the add-ons' volumes take ${disk} GB of ${STORAGE_CLASS} with their copies; the ${where} have ${diskThere} GB`,
            hint: 'leave one out, or give the nodes bigger data disks',
          },
        ]
      : []),
  ]
}

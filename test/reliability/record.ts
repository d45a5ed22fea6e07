import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import type { Inventory } from '../../lib/inventory/types.ts'
import type { Base } from './base.ts'
import { LightHost } from './light-host.ts'
import { perform } from './runs.ts'
import { treeOf, type Tree } from './trees.ts'
import type { Command } from './wire.ts'
import type { Workload } from './workloads/index.ts'

/** What a whole run of a workload looks like when nothing goes wrong: the measure of every case. */
export interface Recorded {
  readonly workload: Workload
  /** Host → the layer that every case begins with. */
  readonly layers: ReadonlyMap<string, string>
  readonly commands: ReadonlyMap<string, readonly Command[]>
  readonly old: ReadonlyMap<string, Tree>
  readonly new: ReadonlyMap<string, Tree>
  /** Host → files that the run changes and that must be old or new at any time. */
  readonly declared: ReadonlyMap<string, ReadonlySet<string>>
  readonly changed: readonly string[]
  /** `host task` of all tasks of the run. */
  readonly tasks: readonly string[]
  /** Host → the layer of a host on which the new version has been applied. */
  readonly finished: ReadonlyMap<string, string>
  readonly leaks: readonly string[]
  readonly seconds: number
}

export interface Place {
  readonly base: Base
  readonly inventory: Inventory
}

let count = 0

/** Starts the hosts of a workload. */
export async function start(
  { base }: Place,
  workload: Workload,
  layers: ReadonlyMap<string, string>,
): Promise<Map<string, LightHost>> {
  const hosts = new Map<string, LightHost>()
  for (const name of workload.hosts)
    hosts.set(name, await LightHost.start(base, name, layers.get(name) ?? '', ++count))
  return hosts
}

export const stopAll = async (hosts: ReadonlyMap<string, LightHost>): Promise<void> => {
  for (const host of hosts.values()) await host.stop()
}

export const cacheFor = ({ base }: Place, of: string): string =>
  join(base.dir, 'cache', `${of}-${++count}`)

/** A copy of layers, the later over the earlier, that hosts can begin with. */
function keep(
  { base }: Place,
  workload: Workload,
  what: string,
  uppers: readonly string[],
): string {
  const layer = join(base.dir, 'layers', `${workload.name}-${what}-${++count}`)
  const script = `mkdir -p ${layer}; ${uppers.map(u => `cp -a ${u}/. ${layer}/`).join('; ')}`
  const { status, stderr } = spawnSync('sh', ['-ec', script], { encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
  return layer
}

/** Brings a host to the old version, keeps that as a layer, and records the run to the new one. Throws when a run fails. */
export async function record(place: Place, workload: Workload): Promise<Recorded> {
  const layers = new Map<string, string>()
  const begin = await start(place, workload, layers)
  try {
    for (const host of begin.values()) {
      if (workload.prepare === undefined) continue
      const { code, stderr } = await host.sh(workload.prepare)
      if (code !== 0) throw new Error(`${workload.name}: cannot prepare the host: ${stderr}`)
    }
    const cache = cacheFor(place, 'old')
    const first = await perform(place.inventory, begin, workload.plays('old'), { cache })
    if (first.code !== 0)
      throw new Error(`${workload.name}: the old version fails: ${first.failures.join('; ')}`)
    for (const host of begin.values())
      layers.set(host.name, keep(place, workload, 'old', [host.layers.upper]))
  } finally {
    await stopAll(begin)
  }
  const hosts = await start(place, workload, layers)
  try {
    for (const host of hosts.values()) await host.boot([])
    const restless = workload.restless ?? []
    const old = new Map(
      [...hosts].map(([name, h]) => [name, treeOf(place.base, h.layers, restless)]),
    )
    const began = performance.now()
    const ran = await perform(place.inventory, hosts, workload.plays('new'), {
      cache: cacheFor(place, 'new'),
      recording: true,
    })
    const seconds = (performance.now() - began) / 1000
    if (ran.code !== 0)
      throw new Error(`${workload.name}: the new version fails: ${ran.failures.join('; ')}`)
    const fresh = new Map(
      [...hosts].map(([name, h]) => [name, treeOf(place.base, h.layers, restless)]),
    )
    const finished = new Map(
      [...hosts].map(([name, h]) => [
        name,
        `${keep(place, workload, 'new', [h.layers.upper])}:${layers.get(name)}`,
      ]),
    )
    const isFile = (tree: Tree | undefined, path: string): boolean =>
      /^(file|link)/.test(tree?.get(path) ?? '')
    return {
      workload,
      layers,
      old,
      new: fresh,
      commands: new Map([...ran.wires].map(([name, wire]) => [name, wire.commands])),
      declared: new Map(
        [...fresh].map(([name, tree]) => [
          name,
          new Set(
            [...tree.keys(), ...(old.get(name)?.keys() ?? [])].filter(
              p =>
                (isFile(tree, p) || isFile(old.get(name), p)) &&
                !p.startsWith('/srv/running/') &&
                p !== '/srv/net.running' &&
                !p.startsWith('/var/lib/') &&
                !p.includes('.wants/'),
            ),
          ),
        ]),
      ),
      changed: ran.changed,
      tasks: ran.events.flatMap(e => (e.type === 'task' ? [`${e.host} ${e.task}`] : [])),
      finished,
      leaks: [...ran.wires.values()].flatMap(w => w.leaks),
      seconds,
    }
  } finally {
    await stopAll(hosts)
  }
}

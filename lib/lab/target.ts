import { UsageError } from '../errors.ts'
import type { Dirt } from '../inventory/dirt.ts'
import type { Host, Inventory } from '../inventory/types.ts'
import type { Recipe } from './changes.ts'
import { demandVms, dirtOf } from './dirt.ts'
import { needsEtcdctl } from './doubles/etcdctl.ts'
import { runsK3s } from './doubles/k3s.ts'
import { inVpn } from './doubles/wireguard-go.ts'
import { ownPackagesPath } from './images/own-packages.ts'
import { personalityOf } from './images/rootfs.ts'
import { settle } from './network/settle.ts'
import { topology, type Wiring } from './network/topology.ts'
import { labKey } from './paths.ts'
import { givenK3s } from './real-k3s.ts'
import type { LabState, Programs } from './state.ts'

/** What the lab is to be. */
export interface Target {
  readonly inventory: Inventory
  readonly name: string
  readonly chosen: LabState['chosen']
  readonly wanted: readonly Host[]
  /** For each wanted host. */
  readonly recipes: readonly Recipe[]
  readonly wiring: Wiring
  readonly programs: Programs
  /** The packages of lab.packages: their place in the cache. */
  readonly packages: string | undefined
  /** Dirt for every host, besides that of the inventory. */
  readonly dirt: readonly Dirt[]
}

/** What `up` is asked for. */
export interface Asked {
  readonly name?: string | undefined
  readonly vm?: readonly string[] | undefined
  readonly hosts?: readonly string[] | undefined
  readonly asItIs?: boolean | undefined
  /** Dirt for every host that can have it; undefined: as before. */
  readonly dirt?: readonly Dirt[] | undefined
}

/** What is there. */
export interface Before extends Pick<LabState, 'chosen' | 'wiring' | 'dirt'> {
  readonly hosts: readonly Pick<LabState['hosts'][number], 'name' | 'vm' | 'recipe'>[]
}

/** The lab of this inventory, with the names of bridges and cables that are there already. */
export const targetOf = (
  inventory: Inventory,
  options: Asked,
  before: Before | undefined,
): Target => {
  const name = options.name ?? 'default'
  const chosen = chosenHosts(inventory, options, before)
  const wanted = [...inventory.hosts.values()].filter(
    h => chosen === 'all' || chosen.includes(h.name),
  )
  const places = before?.hosts.map(h => h.recipe.place) ?? []
  const fresh = topology(inventory, labKey(name))
  const { hosts, ...wiring } =
    before === undefined ? fresh : settle({ ...before.wiring, hosts: places }, fresh)
  const dirt = options.dirt ?? before?.dirt ?? []
  const given = givenK3s(inventory)
  const recipes = wanted.map(host => {
    const place = hosts.find(h => h.name === host.name)
    if (place === undefined) throw new Error(`no place for ${host.name}`)
    const was = before?.hosts.find(h => h.name === host.name)
    const vm = options.vm?.includes(host.name) ?? was?.vm ?? false
    return recipeOf(inventory, host, vm, place, dirt, given.length > 0)
  })
  demandVms(
    options.dirt ?? [],
    wanted.map((host, i) => {
      const vm = recipes[i]?.vm ?? false
      return { name: host.name, vm, personality: personalityOf(host, vm) }
    }),
  )
  const coming = [...inventory.hosts.values()].filter(h => wanted.some(w => w.name === h.vmOn))
  const isK3s = [...wanted, ...coming].some(runsK3s)
  const programs = {
    k3s: isK3s,
    ...(isK3s && given.length > 0 ? { realK3s: given } : {}),
    wireguard: wanted.some(host => inVpn(inventory, host)),
    ...(wanted.some(needsEtcdctl) ? { etcdctl: true } : {}),
    artifacts: inventory.artifacts,
  }
  const packages = ownPackagesPath(inventory)
  return { inventory, name, chosen, wanted, recipes, wiring, programs, packages, dirt }
}

const recipeOf = (
  inventory: Inventory,
  host: Host,
  vm: boolean,
  place: Recipe['place'],
  everywhere: readonly Dirt[],
  realK3s: boolean,
): Recipe => {
  const { name, address, os, disks } = host
  const dirt = dirtOf(inventory, everywhere, { name, vm, personality: personalityOf(host, vm) })
  const image = vm ? undefined : inventory.lab.images[os.name]
  return {
    name,
    address,
    os: [os.name, ...(os.version === undefined ? [] : [os.version])].join(' '),
    ...(image === undefined ? {} : { image: [image.sha256, image.repo ?? 'no repo'].join(' ') }),
    vm,
    disks,
    ...(dirt.length > 0 ? { dirt } : {}),
    ...(realK3s && runsK3s(host) ? { k3s: 'real' } : {}),
    place,
  }
}

/** The hosts that the lab will have. */
const chosenHosts = (
  inventory: Inventory,
  { hosts, vm, asItIs }: Asked,
  before: Before | undefined,
): LabState['chosen'] => {
  for (const name of [...(hosts ?? []), ...(vm ?? [])])
    if (!inventory.hosts.has(name)) throw new UsageError(`the inventory has no host ${name}`)
  const had = before?.chosen
  if (had === 'all' || (hosts === undefined && (had === undefined || !asItIs))) return 'all'
  const names = new Set([...(had ?? []), ...(hosts ?? []), ...(vm ?? [])])
  return [...inventory.hosts.keys()].filter(name => names.has(name))
}

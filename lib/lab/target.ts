import { UsageError } from '../errors.ts'
import type { Dirt } from '../inventory/dirt.ts'
import type { Host, Inventory } from '../inventory/types.ts'
import type { Recipe } from './changes.ts'
import { demandVms, dirtOf } from './dirt.ts'
import { runsK3s } from './doubles/k3s.ts'
import { ownPackagesPath } from './images/own-packages.ts'
import { personalityOf } from './images/rootfs.ts'
import { madeVms, programsFor, withRouters } from './needs.ts'
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
  /** As in LabState. */
  readonly grows: boolean
  /** The VMs that its hypervisor makes. */
  readonly made: readonly string[]
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
  readonly only?: readonly string[] | undefined
  readonly roles?: readonly string[] | undefined
  /** Dirt for every host that can have it; undefined: as before. */
  readonly dirt?: readonly Dirt[] | undefined
}

/** What is there. */
export interface Before extends Pick<LabState, 'chosen' | 'grows' | 'wiring' | 'dirt'> {
  readonly programs?: Programs
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
  const grows = chosen !== 'all' && doesGrow(options, before)
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
  const { programs: had } = before ?? {}
  const needed = programsFor(inventory, { wanted, roles: options.roles, grows, before: had })
  const real = given.length > 0 && needed.k3s ? { realK3s: given } : {}
  const programs = { ...needed, ...real, artifacts: inventory.artifacts }
  const packages = ownPackagesPath(inventory)
  const made = madeVms(inventory, wanted, grows)
  return { inventory, name, chosen, grows, made, wanted, recipes, wiring, programs, packages, dirt }
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
  { hosts, vm, asItIs = false, only }: Asked,
  before: Before | undefined,
): LabState['chosen'] => {
  for (const name of [...(hosts ?? []), ...(vm ?? [])])
    if (!inventory.hosts.has(name)) throw new UsageError(`the inventory has no host ${name}`)
  const had = before?.chosen
  if (had === 'all') return 'all'
  const grows = asItIs && (had === undefined || before?.grows === true)
  if (grows ? only === undefined : hosts === undefined && !asItIs) return 'all'
  const coming = grows ? withRouters(inventory, only ?? []) : (hosts ?? [])
  const names = new Set([...(had ?? []), ...coming, ...(vm ?? [])])
  return [...inventory.hosts.keys()].filter(name => names.has(name))
}

/** Whether a lab of some hosts has them because of runs; one that was brought up with them stays with them. */
const doesGrow = ({ asItIs = false }: Asked, before: Before | undefined): boolean =>
  before === undefined ? asItIs : before.grows === true

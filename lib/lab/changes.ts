import type { Dirt } from '../inventory/dirt.ts'
import type { Disk } from '../inventory/types.ts'
import { isRouted, type HostPlan, type Link } from './network/topology.ts'
import { same } from './same.ts'

/** What a machine of the lab is made from. */
export interface Recipe {
  readonly name: string
  /** The address to which fmc connects. */
  readonly address: string
  /** Its operating system, such as `debian 12`. */
  readonly os: string
  /** The root file system of lab.images: SHA-256 and directory of packages; undefined: the lab's own image. */
  readonly image?: string | undefined
  /** A QEMU machine instead of systemd-nspawn. */
  readonly vm: boolean
  readonly disks: readonly Disk[]
  /** The real K3s runs on it; undefined: none, or the double. */
  readonly k3s?: 'real' | undefined
  /** What makes it dirty; undefined: nothing. */
  readonly dirt?: readonly Dirt[] | undefined
  readonly place: HostPlan
}

/** What has to be done so that a lab's machines are those of its inventory. */
export interface Changes {
  readonly added: readonly string[]
  readonly removed: readonly string[]
  /** Hosts that a new machine replaces, and why. */
  readonly rebuilt: readonly { readonly name: string; readonly why: string }[]
  /** Hosts that get another login address, other routes, names or cables of networks that they route, while they run. */
  readonly adjusted: readonly string[]
}

/**
 * What makes the machines `now` of the machines `before`. A host is rebuilt only for a change of its own: operating system,
 * image, disks, address or NIC. What a change elsewhere means for its network, it gets while it runs.
 *
 * @example
 * changesOf([web1], [web1, web2]) // { added: ['web2'], removed: [], rebuilt: [], adjusted: [] }
 */
export const changesOf = (before: readonly Recipe[], now: readonly Recipe[]): Changes => {
  const was = (name: string) => before.find(b => b.name === name)
  const kept = now.flatMap(recipe => {
    const old = was(recipe.name)
    return old === undefined ? [] : [{ name: recipe.name, old, now: recipe }]
  })
  const rebuilt = kept.flatMap(({ name, old, now }) => {
    const why = differences(old, now).join(' and ')
    return why === '' ? [] : [{ name, why }]
  })
  return {
    added: now.filter(({ name }) => was(name) === undefined).map(({ name }) => name),
    removed: before.filter(({ name }) => !now.some(n => n.name === name)).map(({ name }) => name),
    rebuilt,
    adjusted: kept
      .filter(({ name, old, now }) => !same(old, now) && !rebuilt.some(r => r.name === name))
      .map(({ name }) => name),
  }
}

/** Whether there is nothing to do. */
export const isEmpty = ({ added, removed, rebuilt, adjusted }: Changes): boolean =>
  added.length + removed.length + rebuilt.length + adjusted.length === 0

/**
 * The changes in words, for people; empty if no machine is added, removed or rebuilt.
 *
 * @example
 * inWords(changes) // 'added worker4; rebuilt db1 because its disks changed'
 */
export const inWords = ({ added, removed, rebuilt }: Changes): string =>
  [
    ...(added.length > 0 ? [`added ${added.join(', ')}`] : []),
    ...(removed.length > 0 ? [`removed ${removed.join(', ')}`] : []),
    ...rebuilt.map(({ name, why }) => `rebuilt ${name} because ${why}`),
  ].join('; ')

/** What of a host itself has changed. */
const differences = (old: Recipe, now: Recipe): string[] => [
  ...(old.vm === now.vm
    ? []
    : [now.vm ? 'it becomes a virtual machine' : 'it becomes a container']),
  ...(old.os === now.os ? [] : [`its OS changed from ${old.os} to ${now.os}`]),
  ...(old.image === now.image ? [] : ['its image changed']),
  ...(old.k3s === now.k3s
    ? []
    : [now.k3s === 'real' ? 'it gets the real K3s' : 'it gets the double of K3s']),
  ...(same(old.disks, now.disks) ? [] : ['its disks changed']),
  // Dirt that is added is put on the running host.
  ...((old.dirt ?? []).every(d => now.dirt?.includes(d)) ? [] : ['it loses dirt']),
  ...cableDifferences(old, now),
]

const cableDifferences = ({ place: old }: Recipe, { place: now, vm }: Recipe): string[] => {
  const own = (place: HostPlan) => place.links.filter(link => !isRouted(link))
  if (!same(own(old).map(addressesOf), own(now).map(addressesOf))) return ['its address changed']
  if (!same(own(old), own(now))) return ['its NICs changed']
  // An installer's configuration has the gateway, and a role may have replaced that file.
  if (now.links.some(l => l.uplink) && !same(gatewayOf(old), gatewayOf(now)))
    return ['its gateway changed']
  const routes = (place: HostPlan) => place.links.some(isRouted)
  // The units that lead such cables are enabled when the machine is made; a virtual machine has its cables plugged in at boot.
  if (routes(old) !== routes(now) || old.forwards !== now.forwards)
    return [now.forwards ? 'it now routes networks' : 'it no longer routes networks']
  if (vm && !same(old.links, now.links)) return ['its cables changed']
  return []
}

const addressesOf = ({ network, addresses }: Link) => [network, addresses]

const gatewayOf = ({ routes }: HostPlan): string | undefined =>
  routes.find(route => route.to === 'default')?.via

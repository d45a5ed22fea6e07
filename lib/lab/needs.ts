import type { Host, Inventory } from '../inventory/types.ts'
import { needsEtcdctl } from './doubles/etcdctl.ts'
import { vmsToMake } from './doubles/hypervisor-vms.ts'
import { runsK3s } from './doubles/k3s.ts'
import { inVpn } from './doubles/wireguard-go.ts'
import { personalityOf } from './images/rootfs.ts'
import type { Personality, Programs } from './state.ts'

/** What only some roles need, and what takes long to make. */
type Kind = 'coredns' | 'k3s' | 'cloudImage'
const KINDS: readonly Kind[] = ['coredns', 'k3s', 'cloudImage']

/** What fmc's roles install of it. */
export const USED_BY: Readonly<Record<string, readonly Kind[]>> = {
  addons: [],
  certificates: [],
  'coredns-chrony': ['coredns'],
  ddns: [],
  'etcd-restore': ['k3s'],
  'etcd-snapshot': [],
  firewall: [],
  'flatcar-update': [],
  freeipa: [],
  'freeipa-client': [],
  'haproxy-keepalived': [],
  health: [],
  hypervisor: ['cloudImage'],
  'k3s-agent': ['k3s'],
  'k3s-server': ['k3s'],
  'k3s-upgrade': ['k3s'],
  kubeconfig: [],
  longhorn: [],
  nfs: [],
  'node-replace': ['k3s'],
  postgresql: [],
  reboot: [],
  remove: [],
  timezone: [],
  traefik: [],
  wireguard: [],
}

/** What roles use; undefined: nobody knows which ones will run. A role that is not fmc's may use anything. */
export const usedBy = (roles: readonly string[] | undefined): ReadonlySet<Kind> =>
  new Set(roles === undefined ? KINDS : roles.flatMap(role => USED_BY[role] ?? KINDS))

interface Asked {
  readonly wanted: readonly Host[]
  /** Roles that are going to run; undefined: any. */
  readonly roles: readonly string[] | undefined
  /** The hypervisor's VMs are, or will be, machines of the lab. */
  readonly grows: boolean
  /** What the lab has already. */
  readonly before: Partial<Programs> | undefined
}

/** The VMs that the lab's hypervisor makes. */
export const madeVms = (
  inventory: Inventory,
  wanted: readonly Host[],
  grows: boolean,
): readonly string[] =>
  grows
    ? []
    : vmsToMake(
        inventory,
        wanted.map(h => h.name),
      )

/** The programs that these hosts and roles need, and those that the lab has already as far as hosts of it can use them. */
export const programsFor = (
  inventory: Inventory,
  { wanted, roles, grows, before }: Asked,
): Pick<Programs, Kind | 'wireguard' | 'etcdctl'> => {
  const used = usedBy(roles)
  const needs = (kind: Kind): boolean => used.has(kind) || before?.[kind] === true
  const coming = [...inventory.hosts.values()].filter(h => wanted.some(w => w.name === h.vmOn))
  return {
    k3s: needs('k3s') && [...wanted, ...coming].some(runsK3s),
    coredns: needs('coredns'),
    cloudImage: needs('cloudImage') && madeVms(inventory, wanted, grows).length > 0,
    wireguard: wanted.some(host => inVpn(inventory, host)),
    ...(wanted.some(needsEtcdctl) ? { etcdctl: true } : {}),
  }
}

/** A host that a lab has, or will have. */
export interface Machine {
  readonly host: Host
  readonly vm: boolean
  /** It runs from a root file system of lab.images. */
  readonly image: boolean
}

/** What hosts boot from, and where their packages come from. */
export interface ImageNeeds {
  readonly images: readonly Personality[]
  /** The mirror of Debian's packages, for machines or for a program out of it. */
  readonly mirror: boolean
  /** The repository of RPMs. */
  readonly rpms: boolean
}

/** The images that machines need: those of their personalities; a virtual machine has a disk of its own instead. */
export const imagesFor = (
  { lab }: Pick<Inventory, 'lab'>,
  machines: readonly Machine[],
  programs: Pick<Programs, 'wireguard' | 'etcdctl'>,
): ImageNeeds => {
  const own = machines.filter(m => !m.vm && !m.image).map(m => personalityOf(m.host))
  const vms = machines.some(m => m.vm)
  const packages = lab.packages !== undefined
  return {
    images: [...new Set(own)],
    rpms: packages || own.includes('el9'),
    mirror:
      packages || vms || programs.wireguard || programs.etcdctl === true || own.includes('debian'),
  }
}

/** These hosts and the routers of their networks, without which nobody reaches them. */
export const withRouters = (
  { hosts, networks }: Pick<Inventory, 'hosts' | 'networks'>,
  names: readonly string[],
): string[] => {
  const found = new Set<string>()
  const add = (name: string): void => {
    if (found.has(name)) return
    found.add(name)
    for (const { network } of hosts.get(name)?.nics ?? []) {
      const router = networks.get(network)?.router
      if (router !== undefined && hosts.has(router)) add(router)
    }
  }
  names.forEach(add)
  return [...hosts.keys()].filter(name => found.has(name))
}

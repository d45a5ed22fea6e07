import type { Dirt } from './dirt.ts'
import type { Secret } from '../secrets/secret.ts'

/** The value of a variable, with Secrets in place of `!secret` references. */
export type VarValue =
  | string
  | number
  | boolean
  | null
  | Secret
  | readonly VarValue[]
  | { readonly [key: string]: VarValue }
/** Variables by name. */
export type Vars = Readonly<Record<string, VarValue>>

/**
 * A host's operating system, from the inventory's `os`.
 *
 * @example
 * const isDebian = (os: Os): boolean => os.family === 'debian'
 */
export interface Os {
  readonly name: 'debian' | 'ubuntu' | 'almalinux' | 'rocky' | 'flatcar'
  /** Decides package manager and paths: debian and ubuntu are 'debian', almalinux and rocky are 'el'. */
  readonly family: 'debian' | 'el' | 'flatcar'
  /** Free text such as 9.5. */
  readonly version: string | undefined
}

/**
 * A network of the inventory.
 *
 * @example
 * const isVpn = ({ mode }: Network): boolean => mode === 'wireguard'
 */
export interface Network {
  readonly name: string
  /** Such as 10.17.3.0/24. */
  readonly cidr: string
  /** Length of its prefix in bits. */
  readonly prefix: number
  /**
   * bridge: the physical LAN; open: routed by the hypervisor without libvirt's rules; nat: libvirt's NAT; wireguard: a VPN
   * whose hub is `router`.
   */
  readonly mode: 'bridge' | 'open' | 'nat' | 'wireguard'
  /** IPv4 address of the default route of its hosts. */
  readonly gateway: string | undefined
  /** Bridge device on the hypervisor; see `bridgeOf`. */
  readonly bridge: string | undefined
  /** The host that routes this network and holds `gateway`; undefined: a device outside the inventory. */
  readonly router: string | undefined
  /** VPN only: the hub's UDP port. */
  readonly port?: number | undefined
  /** VPN only: host name or address at which the hub is reached from outside; undefined: its own address. */
  readonly endpoint?: string | undefined
}

/**
 * A network interface of a host.
 *
 * @example
 * const inLan = (nic: Nic): boolean => nic.network === 'lan'
 */
export interface Nic {
  /** Name of its network. */
  readonly network: string
  /** IPv4 address. */
  readonly address: string
  /** MAC address, if the inventory sets one; see `macOf`. */
  readonly mac: string | undefined
  /** Device name on the host, such as eth0. */
  readonly device: string
}

/**
 * A data disk of a host.
 *
 * @example
 * const isLarge = ({ sizeGb }: Disk): boolean => sizeGb >= 100
 */
export interface Disk {
  readonly name: string
  /** Size in GiB. */
  readonly sizeGb: number
  /** Its path on the host, such as /dev/disk/by-id/virtio-<serial>. */
  readonly device: string
}

/**
 * A host of the inventory.
 *
 * @example
 * const isVm = (h: Host): boolean => h.vmOn !== undefined
 */
export interface Host {
  readonly name: string
  /** The address to which fmc connects: `ssh.host`, else that of the first NIC. */
  readonly address: string
  readonly os: Os
  /** allow: roles that have no row for this operating system take that of the nearest version. */
  readonly osUnsupported?: 'allow' | undefined
  readonly nics: readonly Nic[]
  readonly vcpu: number | undefined
  /** Memory in MiB. */
  readonly memoryMb: number | undefined
  /** Size of the root disk in GiB. */
  readonly rootDiskGb: number | undefined
  /** Data disks. */
  readonly disks: readonly Disk[]
  /** Name of the hypervisor, if this host is a VM. */
  readonly vmOn: string | undefined
  /** Names of all its groups, also through `children`; parents first. */
  readonly groups: readonly string[]
  /** Position in the inventory, from 0. */
  readonly index: number
  readonly ssh: {
    readonly user: string
    readonly port: number
    readonly sudo: boolean
    readonly identityFile: string | undefined
    readonly transport: 'auto' | 'ssh2' | 'openssh'
  }
  /** Variables of all roles; later ones override: all, groups (parents first), host, -e. A role gets only its own, checked. */
  readonly vars: Vars
}

/**
 * A virtual address, which keepalived moves between balancers.
 *
 * @example
 * const url = ({ address, ports: [port = 443] }: Vip): string => `https://${address}:${port}`
 */
export interface Vip {
  readonly name: string
  /** IPv4 address. */
  readonly address: string
  /** Name of its network. */
  readonly network: string
  /** Length of that network's prefix in bits. */
  readonly prefix: number
  /** VRRP virtual router id, 1 to 255, unique in its network. */
  readonly vrid: number
  /** Ports at which the balancers listen. */
  readonly ports: readonly number[]
  /** Pattern of the hosts that serve it. */
  readonly backends: string
  /** The port of the backends for each of `ports`, in the same order. */
  readonly backendPorts: readonly number[]
  /** How a balancer checks a backend: `k3s`: GET /readyz over TLS answers 200 or 401; `tcp`: the port answers. */
  readonly check: 'k3s' | 'tcp'
  /** Balancers send the client's address to the backends with the PROXY protocol (v2). */
  readonly proxyProtocol: boolean
  /** Pattern of the balancers that may hold it. */
  readonly balancers: string
  /** The balancer that should hold it when all start together; undefined: the first one. */
  readonly preferred: string | undefined
}

/** A root file system for the lab's hosts of one operating system. */
export interface LabImage {
  /** URL (https, http or file) of a tar archive. */
  readonly url: string
  readonly sha256: string
  /** Absolute path of a directory of packages with their index. */
  readonly repo: string | undefined
}

/** Packages that the lab's repositories have besides those of fmc's roles. */
export interface LabPackages {
  /** Names of Debian packages, which the lab downloads with all they need. */
  readonly debian: readonly string[]
  /** RPMs for hosts of Enterprise Linux, by name. */
  readonly el: Readonly<Record<string, LabRpm>>
  /** Absolute path of a directory with .deb and .rpm files. */
  readonly dir: string | undefined
}

/** An RPM of the lab: Debian's program in the places of Enterprise Linux. */
export interface LabRpm {
  /** The Debian packages whose files are in it. */
  readonly debs: readonly string[]
  /** Absolute path of a tree that is laid over these files. */
  readonly files: string | undefined
  /** Absolute paths, on the host, of what Enterprise Linux lacks. */
  readonly remove: readonly string[]
  /** A system user that it creates. */
  readonly user: string | undefined
}

/**
 * A login as the inventory gives it; undefined: it does not say.
 *
 * @example
 * const isOpen = ({ port }: GivenSsh): boolean => port === undefined
 */
export interface GivenSsh {
  readonly user: string | undefined
  readonly port: number | undefined
  readonly sudo: boolean | undefined
}

/** A program of the real K3s for the lab. */
export interface LabK3s {
  /** Its keys in the inventory, such as lab.k3s. */
  readonly key: string
  /** The release that it has to be; undefined: whichever it is. */
  readonly release: string | undefined
  /** `path` is absolute. */
  readonly source: { readonly url: string } | { readonly path: string }
  readonly sha256: string
}

/** The services that a hook can call. */
export type HookType = 'webhook' | 'ntfy' | 'healthchecks' | 'slack'

/**
 * A service that runs call.
 *
 * @example
 * const isForFailures = ({ event }: Hook): boolean => event === 'failure'
 */
export interface Hook {
  /** Where the inventory has it, such as hooks.on_failure[0]. */
  readonly key: string
  readonly event: 'start' | 'success' | 'failure' | 'drift'
  readonly type: HookType
  /** A Secret must be read from the secrets file first. */
  readonly url: string | Secret
  readonly token: Secret | undefined
  /** Only for runs of these commands, such as "play site"; undefined: all. */
  readonly commands: readonly string[] | undefined
  /** Also at the start of a dry run, and at its end if it does not fail. */
  readonly dryRuns: boolean
}

/**
 * The whole inventory with defaults and inherited settings; `inventory()` returns it in a role.
 *
 * @example
 * const gateways = ({ networks }: Inventory): (string | undefined)[] =>
 *   [...networks.values()].map(network => network.gateway)
 */
export interface Inventory {
  /** Path of inventory.yaml, as given. */
  readonly file: string
  /** A name of the tz database, such as Europe/Madrid. */
  readonly timezone: string
  /** DNS domain of the cloud, such as cloud.internal. */
  readonly domain: string
  /** By name. */
  readonly networks: ReadonlyMap<string, Network>
  /** By name. */
  readonly vips: ReadonlyMap<string, Vip>
  /** By name, in the order of the file. */
  readonly hosts: ReadonlyMap<string, Host>
  /**
   * What the inventory itself says about the login of each host, by name. What it leaves open is in the host's `ssh` as ssh_config
   * has it, else as root, port 22, and sudo for others than root.
   */
  readonly givenSsh: ReadonlyMap<string, GivenSsh>
  /** Names of each group's hosts, in the order of the file; with the group `all`. */
  readonly groups: ReadonlyMap<string, readonly string[]>
  /** Absolute path of the secrets file. */
  readonly secretsFile: string
  /** Absolute path of a known_hosts file with the host keys of the machines that fmc has created. */
  readonly knownHostsFile: string
  /** Overrides of files/artifacts.yaml, by name. `path`: absolute path of a binary on the controller. */
  readonly artifacts: Readonly<
    Record<
      string,
      {
        readonly url?: string
        readonly sha256?: string
        readonly version?: string
        readonly path?: string
      }
    >
  >
  /** Whom runs tell how they went, in the order of the file. */
  readonly hooks: readonly Hook[]
  /** Settings of the lab. */
  readonly lab: {
    readonly images: Readonly<Partial<Record<Os['name'], LabImage>>>
    readonly packages: LabPackages | undefined
    /** Programs of the real K3s; the first one without a release. Empty: a double stands in for it. */
    readonly k3s: readonly LabK3s[]
    /** What makes its hosts dirty, by pattern of hosts. */
    readonly dirt: ReadonlyMap<string, readonly Dirt[]>
  }
}

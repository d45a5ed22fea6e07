import type { Secret } from '../secrets/secret.ts'

/** A value of a variable after `!secret` references have become Secrets. */
export type VarValue =
  | string
  | number
  | boolean
  | null
  | Secret
  | readonly VarValue[]
  | { readonly [key: string]: VarValue }
export type Vars = Readonly<Record<string, VarValue>>

/** `family` decides package manager and paths; `version` is free text such as 9.5. */
export interface Os {
  readonly name: 'debian' | 'ubuntu' | 'almalinux' | 'rocky' | 'flatcar'
  readonly family: 'debian' | 'el' | 'flatcar'
  readonly version: string | undefined
}

export interface Network {
  readonly name: string
  /** e.g. 10.17.3.0/24 */
  readonly cidr: string
  readonly prefix: number
  /**
   * bridge: the physical LAN; open: routed by the hypervisor without libvirt's rules; nat: libvirt's; wireguard: a VPN
   * whose hub is the router.
   */
  readonly mode: 'bridge' | 'open' | 'nat' | 'wireguard'
  readonly gateway: string | undefined
  readonly bridge: string | undefined
  /** The host that routes this network and holds `gateway`; undefined: a device outside the inventory. */
  readonly router: string | undefined
  /** Of a VPN: the hub's UDP port. */
  readonly port?: number | undefined
  /** Of a VPN: where the hub is reached from outside; undefined: at its own address. */
  readonly endpoint?: string | undefined
}

export interface Nic {
  readonly network: string
  readonly address: string
  readonly mac: string | undefined
  /** Device name on the host, e.g. eth0. */
  readonly device: string
}

export interface Disk {
  readonly name: string
  readonly sizeGb: number
  /** Where it shows up on the host, e.g. /dev/disk/by-id/virtio-<serial>. */
  readonly device: string
}

export interface Host {
  readonly name: string
  /** The address fmc connects to: `ssh.host` or the first NIC's. */
  readonly address: string
  readonly os: Os
  readonly nics: readonly Nic[]
  readonly vcpu: number | undefined
  readonly memoryMb: number | undefined
  readonly rootDiskGb: number | undefined
  readonly disks: readonly Disk[]
  /** The hypervisor that this host is a VM of. */
  readonly vmOn: string | undefined
  /** All groups, those reached through children too; nearest last. */
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
  /** Merged: all < groups (parents first) < host < -e. */
  readonly vars: Vars
}

export interface Vip {
  readonly name: string
  readonly address: string
  readonly network: string
  readonly prefix: number
  /** Virtual router id, 1…255, unique per network. */
  readonly vrid: number
  readonly ports: readonly number[]
  /** Pattern of the hosts that serve it. */
  readonly backends: string
  /** Where they listen: one for each of `ports`, in their order. */
  readonly backendPorts: readonly number[]
  /** How a balancer knows that a backend serves: `k3s` = GET /readyz over TLS answers 200 or 401. */
  readonly check: 'k3s' | 'tcp'
  /** Backends are told the client's address by the PROXY protocol (v2). */
  readonly proxyProtocol: boolean
  /** Pattern of the balancers that may hold it. */
  readonly balancers: string
  /** The balancer that should hold it on a fresh start; default the first. */
  readonly preferred: string | undefined
}

/** A root file system that the lab's hosts of one OS run from. */
export interface LabImage {
  /** https://, http:// or file:///, of a tar archive. */
  readonly url: string
  readonly sha256: string
  /** Directory of packages with their index, absolute. */
  readonly repo: string | undefined
}

/** The whole inventory, resolved. Pattern lookup: lib/inventory/patterns.ts. */
export interface Inventory {
  readonly file: string
  readonly timezone: string
  /** DNS domain of the cloud, e.g. cloud.internal */
  readonly domain: string
  readonly networks: ReadonlyMap<string, Network>
  readonly vips: ReadonlyMap<string, Vip>
  readonly hosts: ReadonlyMap<string, Host>
  /** Group name → host names, in inventory order; `all` included. */
  readonly groups: ReadonlyMap<string, readonly string[]>
  /** Where the secrets file is, absolute. */
  readonly secretsFile: string
  /** Public host keys of the machines that fmc has made, absolute; in OpenSSH's known_hosts format. */
  readonly knownHostsFile: string
  /** Overrides of files/artifacts.yaml. `path`: a finished binary on this machine, absolute. */
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
  readonly lab: { readonly images: Readonly<Partial<Record<Os['name'], LabImage>>> }
}

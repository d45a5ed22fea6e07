import type { Dirt } from './dirt.ts'
import type { SecretRef } from './secret-ref.ts'
import type { Os } from './types.ts'

/** The types of inventory.yaml as written; lib/inventory/schema.ts documents each key. */
export type RawValue =
  | string
  | number
  | boolean
  | null
  | SecretRef
  | readonly RawValue[]
  | { readonly [key: string]: RawValue }

export type RawVars = Readonly<Record<string, RawValue>>

export interface RawSsh {
  readonly user?: string | undefined
  readonly port?: number | undefined
  readonly sudo?: boolean | undefined
  readonly identity_file?: string | undefined
  readonly transport?: 'auto' | 'ssh2' | 'openssh' | undefined
}

export interface RawNetwork {
  readonly cidr: string
  readonly mode: 'bridge' | 'open' | 'nat' | 'wireguard'
  readonly gateway?: string | undefined
  readonly bridge?: string | undefined
  readonly router?: string | undefined
  readonly port?: number | undefined
  readonly endpoint?: string | undefined
}

export interface RawVip {
  readonly address: string
  readonly network: string
  readonly vrid: number
  readonly ports: readonly number[]
  readonly backends: string
  readonly backend_ports?: readonly number[] | undefined
  readonly check?: 'k3s' | 'tcp' | undefined
  readonly proxy_protocol?: boolean | undefined
  readonly balancers: string
  readonly preferred?: string | undefined
}

export interface RawNic {
  readonly network: string
  readonly address: string
  readonly mac?: string | undefined
  readonly device?: string | undefined
}

export interface RawDisk {
  readonly name: string
  readonly size: string
  readonly device?: string | undefined
}

export interface RawHost {
  readonly os: string
  readonly os_unsupported?: 'allow' | undefined
  readonly vm_on?: string | undefined
  readonly vcpu?: number | undefined
  readonly memory?: string | undefined
  readonly root_disk?: string | undefined
  readonly disks?: readonly RawDisk[] | undefined
  readonly nics?: readonly RawNic[] | undefined
  readonly ssh?: (RawSsh & { readonly host?: string | undefined }) | undefined
  readonly vars?: RawVars | undefined
}

export interface RawGroup {
  readonly hosts?: readonly string[] | undefined
  readonly children?: readonly string[] | undefined
  readonly os_unsupported?: 'allow' | undefined
  readonly ssh?: RawSsh | undefined
  readonly vars?: RawVars | undefined
}

interface RawLabPackages {
  readonly debian?: readonly string[] | undefined
  readonly el?:
    | Readonly<
        Record<
          string,
          {
            readonly debs?: readonly string[] | undefined
            readonly files?: string | undefined
            readonly remove?: readonly string[] | undefined
            readonly user?: string | undefined
          }
        >
      >
    | undefined
  readonly dir?: string | undefined
}

export interface RawLabImage {
  readonly url: string
  readonly sha256: string
  readonly repo?: string | undefined
}

interface RawLabK3sProgram {
  readonly url?: string | undefined
  readonly path?: string | undefined
  readonly sha256: string
}

export interface RawLabK3s extends RawLabK3sProgram {
  readonly releases?: Readonly<Record<string, RawLabK3sProgram>> | undefined
}

export interface RawHook {
  readonly type: 'webhook' | 'ntfy' | 'healthchecks' | 'slack'
  readonly url: string | SecretRef
  readonly token?: SecretRef | undefined
  readonly commands?: readonly string[] | undefined
  readonly dry_runs?: boolean | undefined
}

export interface RawHooks {
  readonly on_start?: readonly RawHook[] | undefined
  readonly on_success?: readonly RawHook[] | undefined
  readonly on_failure?: readonly RawHook[] | undefined
  readonly on_drift?: readonly RawHook[] | undefined
}

export interface RawInventory {
  readonly hooks?: RawHooks | undefined
  readonly timezone: string
  readonly domain: string
  readonly os_unsupported?: 'allow' | undefined
  readonly secrets?: string | undefined
  readonly artifacts?:
    | Readonly<
        Record<
          string,
          {
            readonly url?: string | undefined
            readonly sha256?: string | undefined
            readonly version?: string | undefined
            readonly path?: string | undefined
          }
        >
      >
    | undefined
  readonly lab?:
    | {
        readonly images?: Readonly<Partial<Record<Os['name'], RawLabImage>>> | undefined
        readonly packages?: RawLabPackages | undefined
        readonly dirt?: Readonly<Record<string, readonly Dirt[]>> | undefined
        readonly k3s?: RawLabK3s | undefined
      }
    | undefined
  readonly networks: Readonly<Record<string, RawNetwork>>
  readonly vips?: Readonly<Record<string, RawVip>> | undefined
  readonly all?: Omit<RawGroup, 'hosts' | 'children'> | undefined
  readonly groups?: Readonly<Record<string, RawGroup>> | undefined
  readonly hosts: Readonly<Record<string, RawHost>>
}

import { chmodSync, mkdirSync, readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { UsageError } from '../errors.ts'
import type { Dirt } from '../inventory/dirt.ts'
import type { Inventory, LabK3s } from '../inventory/types.ts'
import type { Recipe } from './changes.ts'
import type { Wiring } from './network/topology.ts'
import { labDir, labRoot, WITH_SUDO } from './paths.ts'

/** What a host of the lab looks like from inside. */
export type Personality = 'debian' | 'debian13' | 'el9' | 'flatcar'

/** One host of a lab as it was started. */
export interface LabHost {
  readonly name: string
  /** The inventory's own address; it exists only inside the lab's namespaces. */
  readonly address: string
  readonly netns: string
  readonly personality: Personality
  /** Its root file system comes from lab.images, not from the personality's image. */
  readonly image?: boolean
  /** A QEMU machine with its own kernel instead of systemd-nspawn. */
  readonly vm: boolean
  /** Process id of systemd-nspawn or of QEMU, and when it started (guards against reuse). */
  readonly pid: number
  readonly startTime: string
  /** It has booted and answered since it was started. */
  readonly ready: boolean
  /** Ends of its cables in the networks' namespaces. */
  readonly ports: readonly { readonly netns: string; readonly device: string }[]
  readonly disks: readonly { readonly file: string; readonly device: string }[]
  /** What it was made from. */
  readonly recipe: Recipe
  /** The directory of the image below its root; undefined for a QEMU machine. */
  readonly root: string | undefined
  /** wireguard-go is bound into it. */
  readonly wireguard: boolean
  /** The packages of lab.packages that its package manager knows: their place in the cache. */
  readonly packages?: string | undefined
  /** The dirt that was put on it. */
  readonly dirt?: readonly Dirt[] | undefined
}

/** state.json of a lab. */
export interface LabState {
  readonly version: typeof VERSION
  readonly name: string
  readonly key: string
  readonly dir: string
  /** Absolute path of the inventory that it is a twin of. */
  readonly inventory: string
  /** What the hosts are plugged into. */
  readonly wiring: Wiring
  /** What decides which programs the lab builds. */
  readonly programs: Programs
  /** The packages of lab.packages: their place in the cache. */
  readonly packages?: string | undefined
  /** Dirt for every host, besides that of the inventory (`fmc lab up --dirt`). */
  readonly dirt?: readonly Dirt[] | undefined
  /** The hosts that the lab was brought up with. */
  readonly chosen: 'all' | readonly string[]
  /** The hosts are those that runs were limited to: a run boots others that it needs. */
  readonly grows?: boolean
  /** The inventory's other hosts: the lab does not boot them, but a role may make them. */
  readonly absent: readonly string[]
  readonly hosts: readonly LabHost[]
  /** The namespace that fmc runs in: on the physical LAN, as its gateway. */
  readonly controllerNetns: string
  readonly ssh: {
    readonly user: string
    readonly identityFile: string
    readonly knownHostsFile: string
  }
  /** What stands in for what, and what that does not prove: a sentence each. */
  readonly standIns: readonly string[]
  /** Hosts that run from root file systems of lab.images. */
  readonly fromImages: readonly string[]
  /** Hosts that run the real K3s, which one, and what does not work there. */
  readonly realK3s?: readonly string[]
  readonly skippedRoles: readonly { readonly role: string; readonly why: string }[]
  /** Variables that hold in the lab only. */
  readonly vars: Readonly<Record<string, string | number | boolean | readonly string[]>>
  /** VMs that the lab's hypervisor makes unless hypervisor_vms says otherwise: Debian, whatever their OS. */
  readonly made: readonly string[]
  /** Added in a dry run, which plans all VMs, also those that the lab could not boot. */
  readonly planned: Pick<LabState, 'vars' | 'artifacts'>
  /** Overrides Inventory.artifacts. */
  readonly artifacts: Readonly<Record<string, LabArtifact>>
}

/** What decides which programs the lab builds. */
export interface Programs {
  /** A run installs K3s, or has, on a host or a VM that a role may make. */
  readonly k3s: boolean
  /** The programs of the real K3s, if the lab is given any. */
  readonly realK3s?: readonly LabK3s[]
  /** A run installs CoreDNS, or has. */
  readonly coredns?: boolean
  /** A run makes VMs, or has. */
  readonly cloudImage?: boolean
  /** A host is in a VPN. */
  readonly wireguard: boolean
  /** A K3s server runs on Enterprise Linux. */
  readonly etcdctl?: boolean
  /** The inventory's overrides of files/artifacts.yaml. */
  readonly artifacts: Inventory['artifacts']
}

/** A program that the lab built itself. */
export interface LabArtifact {
  readonly version: string
  readonly sha256: string
  /** The finished binary. */
  readonly path: string
}

/** Raise it when this fmc cannot go on with the machines of an older one. */
export const VERSION = 2

/**
 * The state of a lab; undefined when there is none, or `up` was interrupted early. Throws UsageError for a lab of another
 * fmc.
 */
export const readState = (name: string): LabState | undefined => {
  let state: LabState
  try {
    state = JSON.parse(readFileSync(join(labDir(name), 'state.json'), 'utf8')) as LabState
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EACCES')
      throw new UsageError(`only root can see lab ${name}`, { hint: WITH_SUDO })
    return undefined
  }
  if ((state.version as number) === VERSION) return state
  throw new UsageError(`lab ${name} was brought up by another version of fmc`, {
    hint: `fmc lab up --fresh${name === 'default' ? '' : ` --name ${name}`}   # removes it and builds a new one`,
  })
}

/** Replaces state.json at once. Only root may read the directory. */
export const writeState = (state: LabState): void => {
  mkdirSync(state.dir, { recursive: true, mode: 0o700 })
  chmodSync(state.dir, 0o700)
  const file = join(state.dir, 'state.json')
  writeFileSync(`${file}.new`, `${JSON.stringify(state, null, 2)}\n`)
  renameSync(`${file}.new`, file)
}

/** Names of all labs that have a directory, also of those whose `up` was interrupted. */
export const labNames = (): string[] => {
  try {
    return readdirSync(labRoot(), { withFileTypes: true })
      .filter(entry => entry.isDirectory())
      .map(entry => entry.name)
  } catch {
    return []
  }
}

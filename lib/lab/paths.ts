import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { cacheDir } from '../cache-dir.ts'

/** Where labs keep their state: $FMC_LAB_DIR or /var/lib/fmc-lab. */
export const labRoot = (): string => process.env.FMC_LAB_DIR ?? '/var/lib/fmc-lab'

/** The directory of one lab. */
export const labDir = (name: string): string => join(labRoot(), name)

/** Short and unique: it names the lab's namespaces and control groups (state directory and name). */
export const labKey = (name: string): string =>
  createHash('sha256').update(labDir(name)).digest('hex').slice(0, 6)

/** Name of a network namespace of a lab; `of` is a host, or `net.` and a network. */
export const netnsName = (key: string, of: string): string => `fmc-${key}-${of}`

/** The namespace's file. */
export const netnsPath = (netns: string): string => `/run/netns/${netns}`

/** files/ of fmc: the first one above this module that has a lab, also when the module runs bundled. */
const files = (): string => {
  for (let dir = import.meta.dirname; dir !== dirname(dir); dir = dirname(dir)) {
    const candidate = join(dir, 'files')
    if (existsSync(join(candidate, 'lab'))) return candidate
  }
  throw new Error('files/lab is missing from this copy of fmc')
}

/** files/lab: all that is put into machines and images. */
export const labFiles = (): string => join(files(), 'lab')

/** The source of a double (files/lab/doubles). */
export const double = (name: 'coredns' | 'k3s' | 'nfs-client'): string =>
  join(labFiles(), 'doubles', name)

/** The pinned downloads, for those that the lab replaces. */
export const artifactsFile = (): string => join(files(), 'artifacts.yaml')

/** What the lab has built and downloaded, shared by all labs. */
export const labCache = (name: string): string => join(cacheDir(), 'lab', name)

/** What to do when only root may. */
export const WITH_SUDO = 'the same command with sudo before it: sudo npx fmc …'

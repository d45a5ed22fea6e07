import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'

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

/** files/lab of the project, found upwards from this module (also when it runs bundled). */
export const labFiles = (): string => {
  for (let dir = import.meta.dirname; dir !== dirname(dir); dir = dirname(dir)) {
    const candidate = join(dir, 'files', 'lab')
    if (existsSync(candidate)) return candidate
  }
  throw new Error('files/lab is missing from this copy of fmc')
}

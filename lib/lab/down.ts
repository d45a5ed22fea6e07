import { readdirSync, rmSync, rmdirSync } from 'node:fs'
import { endGroups } from './machines/cgroups.ts'
import { detachDisks } from './machines/disks.ts'
import { restoreLimits } from './machines/limits.ts'
import { withLock } from './lock.ts'
import { labNamespaces, removeNamespaces } from './network/cables.ts'
import { labDir, labKey, labRoot } from './paths.ts'
import { labNames } from './state.ts'

/** Ends a lab: machines, namespaces, loop devices, files. The caller holds its lock. */
export const clear = async (name: string): Promise<void> => {
  const key = labKey(name)
  await endGroups(key)
  await removeNamespaces(labNamespaces(key))
  await detachDisks(labDir(name))
  rmSync(labDir(name), { recursive: true, force: true })
}

/**
 * Ends a lab and removes all its files except the cache. It needs no state file, so it also removes what an interrupted
 * `up` left, and may be repeated. Throws FmcError when another process is bringing the lab up or down.
 */
export const down = async (name = 'default'): Promise<void> => {
  await withLock(name, () => clear(name))
  if (labNames().length > 0) return
  restoreLimits()
  try {
    if (readdirSync(labRoot()).length === 0) rmdirSync(labRoot())
  } catch {
    // Another lab is being made.
  }
}

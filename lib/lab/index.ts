/**
 * The lab: a twin of the inventory on this machine. This file is all that the rest of fmc imports of it; the code that
 * boots machines is loaded when it is first called. files/lab has what the lab puts into machines and images.
 */
import type { Inventory } from '../inventory/types.ts'
import type { HostStatus } from './control.ts'
import type { MakeAllOptions } from './make.ts'
import type { LabState } from './state.ts'
import type { UpOptions } from './up.ts'

export type { HostStatus } from './control.ts'
export type { LabState } from './state.ts'
export type { RunNeeds } from './inside.ts'
export type { Twin } from './twin.ts'
export { stateOf } from './enter.ts'
export { insideLab, insideOf, isInside, PASSED_ON, runInside } from './inside.ts'
export { labNames } from './state.ts'

/** The kinds of dirt that a host can have, by name (dirt.ts). */
export const dirtKinds = async () => (await import('./dirt.ts')).KINDS

/** The kinds of dirt with these names. Throws UsageError for a name that there is not. */
export const dirtNamed = async (names: readonly string[]) =>
  (await import('./dirt.ts')).dirtNamed(names)

const control = () => import('./control.ts')

/** Boots what is not running yet (up.ts). */
export const up = async (inventory: Inventory, options: UpOptions): Promise<LabState> =>
  (await import('./up.ts')).up(inventory, options)

/** Makes what labs of the inventory are made of, and boots nothing (make.ts). */
export const makeAll = async (inventory: Inventory, options: MakeAllOptions) =>
  (await import('./make.ts')).makeAll(inventory, options)

/** Ends a lab and removes its files (down.ts). */
export const down = async (name?: string): Promise<void> => (await import('./down.ts')).down(name)

/** What the lab's hosts do now. */
export const status = async (lab: LabState): Promise<HostStatus[]> => (await control()).status(lab)

/** Pulls a host's network cables. */
export const cut = async (lab: LabState, host: string): Promise<void> =>
  (await control()).cut(lab, host)

/** Plugs a host's network cables in again. */
export const heal = async (lab: LabState, host: string): Promise<void> =>
  (await control()).heal(lab, host)

/** Pulls a host's power plug; `up` boots it again with the same disks. */
export const kill = async (lab: LabState, host: string): Promise<void> =>
  (await control()).kill(lab, host)

/** A shell on a host, on this terminal; resolves with its exit code. */
export const shell = async (
  lab: LabState,
  host: string,
  argv: readonly string[] = [],
): Promise<number> => (await control()).shell(lab, host, argv)

import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { UsageError } from '../errors.ts'
import type { Dirt } from '../inventory/dirt.ts'
import type { Inventory } from '../inventory/types.ts'
import { build } from './build.ts'
import { changesOf, isEmpty, type Recipe } from './changes.ts'
import { clear } from './down.ts'
import { rootFileSystems } from './images/rootfs.ts'
import { withLock } from './lock.ts'
import { alive } from './machines/boot.ts'
import { netnsPath } from './paths.ts'
import { prerequisites } from './prerequisites.ts'
import { same } from './same.ts'
import { readState } from './state.ts'
import type { LabState } from './state.ts'
import { targetOf, type Target } from './target.ts'
import type { Terminal } from './progress.ts'

/** How a lab is brought up. */
export interface UpOptions {
  /** Labs with different names live side by side; default `default`. */
  readonly name?: string | undefined
  /** Hosts to boot as QEMU machines; undefined leaves running machines as they are. */
  readonly vm?: readonly string[] | undefined
  /** Hosts to boot besides those that the lab has; default all. */
  readonly hosts?: readonly string[] | undefined
  /** For a run: boot neither hosts that the lab was brought up without nor hosts that `kill` has switched off. */
  readonly asItIs?: boolean | undefined
  /** For a run: the hosts that it works on. A lab that is not up, or has only hosts of such runs, gets only these and their routers. */
  readonly only?: readonly string[] | undefined
  /** The roles that are going to run; undefined: any. What only others need is not made yet. */
  readonly roles?: readonly string[] | undefined
  /** Dirt for every host that can have it; undefined: as before. */
  readonly dirt?: readonly Dirt[] | undefined
  /** A directory of downloads, which may hold the file of lab.k3s.url; default FMC_ARTIFACTS. */
  readonly artifactsDir?: string | undefined
  /** Take the lab down first, and build new hosts. */
  readonly fresh?: boolean | undefined
  /** Install missing prerequisites without asking. */
  readonly yes?: boolean | undefined
  /** A terminal, for progress in a line that changes. */
  readonly terminal?: Terminal | undefined
  /** Takes messages for people. */
  readonly log: (text: string) => void
}

/**
 * Brings up the twin of the inventory and returns its state. It boots missing and dead hosts. If the inventory was edited,
 * it adds, removes and rebuilds the hosts that were edited (changes.ts), says so in one line, and leaves the others running.
 * With `hosts` the lab has only these and those it had before, without it all hosts: a run against the lab finds the others
 * missing until a role makes them. Throws an FmcError that says what is missing or which machine did not boot, and
 * UsageError when the lab of that name belongs to another inventory.
 */
export const up = async (inventory: Inventory, options: UpOptions): Promise<LabState> => {
  const name = options.name ?? 'default'
  const before = options.fresh ? undefined : readState(name)
  const target = targetOf(inventory, options, before)
  if (before !== undefined) demandOwnLab(target, before)
  if (before !== undefined && isComplete(before, target, options)) return before
  await prerequisites({
    vm: (options.vm?.length ?? 0) > 0,
    yes: options.yes ?? false,
    log: options.log,
  })
  return withLock(name, async () => {
    const state = options.fresh ? undefined : readState(name)
    const now = targetOf(inventory, options, state)
    // First, so that an error in lab.images does not cost the lab that is up.
    const roots = await rootFileSystems(inventory, now.wanted, options.log)
    if (state === undefined) await clear(name)
    return build(now, state, { ...options, roots })
  })
}

/** Another project's lab of the same name must not lose its hosts to this one. */
const demandOwnLab = ({ inventory, name, recipes }: Target, before: LabState): void => {
  const file = resolve(inventory.file)
  if (before.inventory === file || !existsSync(before.inventory)) return
  const { removed, rebuilt } = changesOf(
    before.hosts.map(h => h.recipe),
    recipes,
  )
  const lost = [...removed, ...rebuilt.map(r => r.name)]
  if (lost.length === 0) return
  throw new UsageError(
    `lab ${name} is the twin of ${before.inventory}: with ${file} it would lose ${lost.join(', ')}`,
    { hint: `export FMC_LAB=another-name   # or replace that lab: fmc lab up --fresh -i ${file}` },
  )
}

const isComplete = (
  state: LabState,
  { chosen, inventory, recipes, wiring, programs, packages, dirt }: Target,
  { asItIs = false }: UpOptions,
): boolean =>
  existsSync(netnsPath(state.controllerNetns)) &&
  state.hosts.every(host => host.ready && (asItIs || alive(host))) &&
  same(state.chosen, chosen) &&
  same(state.inventory, resolve(inventory.file)) &&
  same(state.wiring, wiring) &&
  same(state.programs, programs) &&
  state.packages === packages &&
  same(state.dirt ?? [], dirt) &&
  isEmpty(withoutDead(state, recipes))

/** The changes that do not wait until a host is switched on again. */
const withoutDead = (state: LabState, recipes: readonly Recipe[]): ReturnType<typeof changesOf> => {
  const changes = changesOf(
    state.hosts.map(h => h.recipe),
    recipes,
  )
  const isOn = (name: string): boolean => state.hosts.some(h => h.name === name && alive(h))
  return { ...changes, adjusted: changes.adjusted.filter(isOn) }
}

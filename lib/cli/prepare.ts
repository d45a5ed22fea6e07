import { join } from 'node:path'
import { cacheDir } from '../cache-dir.ts'
import type { Playbook } from '../engine/define/playbook.ts'
import type { Role } from '../engine/define/role.ts'
import { checkVars, select, type SelectedPlay, type Selection } from '../engine/define/select.ts'
import type { RunSettings } from '../engine/settings.ts'
import { UsageError } from '../errors.ts'
import { matchHosts } from '../inventory/patterns.ts'
import { requireRoleVars } from '../inventory/role-vars.ts'
import type { Host, Inventory } from '../inventory/types.ts'
import { insideLab, type Twin } from '../lab/index.ts'
import { labRunsDir, runsDir } from '../record/index.ts'
import { openSession } from '../ssh/index.ts'
import type { PlayOptions } from './commands/play.ts'
import { demandConfirmation } from './confirm.ts'
import { openContext, withSecrets, type Context } from './context.ts'
import { demandKnownVars } from './known-vars.ts'
import { limitNames } from './limit-names.ts'
import { loadRoles } from './load.ts'
import { positive } from './options.ts'
import { keepDir } from './paths.ts'
import { demandShardable, parseShard, shardOf } from './shard.ts'

/** Which plays, roles and hosts of a playbook a command line means. */
export interface Chosen {
  readonly book: Playbook
  readonly command: string
  readonly options: PlayOptions
  readonly dryRun: boolean
  readonly context: Context
  readonly lab: Twin | undefined
  readonly selection: Selection
  /** Without the values of secrets. */
  readonly stages: readonly (readonly SelectedPlay[])[]
}

/** A playbook that is ready to run: everything is checked and decrypted, and no host has been touched. */
export interface Ready {
  readonly chosen: Chosen
  readonly hosts: readonly Host[]
  readonly inventory: Inventory
  readonly stages: readonly (readonly SelectedPlay[])[]
}

/** Reads the inventory and selects. `command`: the command line without its options. Throws UsageError. */
export async function choose(
  book: Playbook,
  command: string,
  options: PlayOptions,
  dryRun: boolean,
): Promise<Chosen> {
  const lab = await insideLab({ dryRun })
  const context = await openContext(options, lab)
  const others = (): Promise<Role[]> => loadRoles(options.inventory)
  await demandKnownVars(book, context.extraVars, others)
  const whole = selectionOf(context, command, options)
  if (options.pattern !== undefined) matchHosts(context.inventory, options.pattern)
  const selection =
    options.shard === undefined
      ? whole
      : { ...whole, limit: partOf(book, select(context.inventory, book, whole), options.shard) }
  // A part of the hosts may be empty: its run does nothing, and leaves a record.
  const isEmpty = options.shard !== undefined && selection.limit?.size === 0
  const stages = isEmpty ? [] : select(context.inventory, book, selection)
  return { book, command, options, dryRun, context, lab, selection, stages }
}

/** The hosts of a shard. Throws UsageError when the plays cannot be split. */
function partOf(
  book: Playbook,
  stages: readonly (readonly SelectedPlay[])[],
  text: string,
): ReadonlySet<string> {
  const shard = parseShard(text)
  demandShardable(book, stages)
  return shardOf(stages, shard)
}

/** Checks the roles' variables, asks for confirmation and decrypts the secrets. Throws UsageError. */
export async function makeReady(chosen: Chosen): Promise<Ready> {
  const { book, context, options, dryRun, selection } = chosen
  const plays = chosen.stages.flat()
  await requireRoleVars(
    context.inventory,
    plays.flatMap(p =>
      p.roles.map(({ name, vars, platforms }) => ({
        role: name,
        hosts: p.hosts.map(h => h.name),
        vars,
        platforms,
      })),
    ),
  )
  const hosts = [...new Map(plays.flatMap(p => p.hosts.map(h => [h.name, h]))).values()]
  demandOneHost(book, hosts)
  await demandConfirmation(book, context.inventory, hosts, dryRun)
  const names = new Set(hosts.map(h => h.name))
  const keys = new Set(plays.flatMap(p => p.roles.flatMap(r => Object.keys(r.vars.shape))))
  const inventory = await withSecrets(context, names, keys, options)
  const stages = chosen.stages.length === 0 ? [] : select(inventory, book, selection)
  return { chosen, hosts, inventory, stages }
}

/** What the engine gets to know of a playbook that is ready, whatever the command is. */
export type CommonSettings = Omit<
  RunSettings,
  'begun' | 'emit' | 'pendingIsError' | 'stop' | 'kill' | 'next'
>

/** Settings for one run; each run needs its own. */
export function commonSettings({ chosen, inventory, stages }: Ready): CommonSettings {
  const { book, command, context, dryRun, lab, options } = chosen
  return {
    inventory,
    stages,
    vars: checkVars(stages, () => inventory.file),
    dryRun,
    readOnly: book.readOnly ?? false,
    conclude: book.conclude,
    found: new Map(),
    keepDir: lab ? join(lab.dir, 'kept') : keepDir(inventory.domain),
    diff: options.diff ?? false,
    forks: positive('--forks', options.forks),
    lab: lab !== undefined,
    artifactsDir: options.artifacts ?? process.env['FMC_ARTIFACTS'],
    secrets: context.secrets,
    openSession,
    targetOf: context.targetOf,
    cacheDir: cacheDir(),
    inventoryFile: inventory.file,
    command,
  }
}

/** Where the records of this command's runs are. Throws UsageError when there is no place for them. */
export const recordsDir = (lab: Twin | undefined): string => (lab ? labRunsDir(lab.dir) : runsDir())

/** What the options select. `startAt` is the role; the engine looks for the task. */
function selectionOf({ inventory, lab }: Context, command: string, o: PlayOptions): Selection {
  const limit =
    o.limit &&
    limitNames(inventory, o.limit, () => ({
      dir: recordsDir(lab),
      inventory: inventory.file,
      command,
    }))
  return {
    ...{ limit, tags: o.tags, skipTags: o.skipTags, role: o.role },
    startAt: o.startAt?.split('/')[0],
    skip: new Map(lab?.skippedRoles.map(s => [s.role, s.why]) ?? []),
  }
}

function demandOneHost(book: Playbook, hosts: readonly Host[]): void {
  if (book.hosts === undefined || hosts.length === 1) return
  throw new UsageError(
    `play ${book.name} works on one host, but ${hosts.length} are selected: ${hosts.map(h => h.name).join(', ')}`,
    { hint: `fmc play ${book.name} --limit HOST` },
  )
}

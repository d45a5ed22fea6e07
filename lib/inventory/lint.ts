import { basename } from 'node:path'
import { secretProblems, secretReferences } from './check-secrets.ts'
import {
  misspeltGroupProblems,
  ungroupedProblems,
  unusedVarProblems,
  type Usage,
} from './check-usage.ts'
import { labFileProblems } from './check-lab-files.ts'
import { findCycle } from './groups.ts'
import { readInventory } from './load.ts'
import { platformProblems } from './platform.ts'
import { byPlace, type Problem } from './problem.ts'
import { resolveInventory } from './resolve.ts'
import {
  adviceProblems,
  roleVarProblems,
  type AdvisorTools,
  type RoleVarsInfo,
} from './role-vars.ts'
import { ruled } from './rules.ts'
import type { Inventory } from './types.ts'
import { unknownVarProblems } from './unknown-vars.ts'

export type { Problem } from './problem.ts'
export type { RoleVarsInfo } from './role-vars.ts'

/** What `lint` checks besides the file itself. */
export interface LintOptions {
  /** Roles whose variables to check; default: none. A function gets the inventory if its shape is valid. */
  readonly roles?:
    | readonly RoleVarsInfo[]
    | ((inventory: Inventory) => readonly RoleVarsInfo[] | Promise<readonly RoleVarsInfo[]>)
    | undefined
  /** Where roles run, to find hosts and variables without a use; default: not checked. */
  readonly usage?:
    ((inventory: Inventory, roles: readonly RoleVarsInfo[]) => Usage | Promise<Usage>) | undefined
  /** The names in the secrets file; undefined: it cannot be opened here. Asked only if the inventory has a `!secret`. */
  readonly secretNames?:
    ((secretsFile: string) => Promise<ReadonlySet<string> | undefined>) | undefined
  /** What roles may ask for their advice. */
  readonly tools?: ((inventory: Inventory) => Promise<AdvisorTools>) | undefined
  /** Completes the inventory with what other files say, such as ssh_config. */
  readonly complete?: ((inventory: Inventory) => Promise<Inventory>) | undefined
  /** Problems of other files. It gets the inventory if its shape is valid. */
  readonly more?: ((inventory: Inventory | undefined) => readonly Problem[]) | undefined
  /** Variables of `-e`. */
  readonly extraVars?: Readonly<Record<string, unknown>> | undefined
  /** The file's content, if it has not been written yet. */
  readonly text?: Uint8Array | undefined
}

/** Every problem of an inventory file, in the order of the file. Throws UsageError if it cannot be read. */
export async function lint(file: string, options: LintOptions = {}): Promise<Problem[]> {
  const { raw, source, problems } = await readInventory(file, options.text)
  const found = [...problems]
  if (raw === undefined || findCycle(raw.groups ?? {}) !== undefined)
    return [...found, ...(options.more?.(undefined) ?? [])].sort(byPlace)
  const resolved = resolveInventory(raw, file, options.extraVars)
  const inventory = (await options.complete?.(resolved)) ?? resolved
  const more = options.more?.(inventory) ?? []
  for (const finding of ruled('lab', labFileProblems(inventory)))
    found.push(source.problem(finding))
  if (options.roles !== undefined) {
    const roles =
      typeof options.roles === 'function' ? await options.roles(inventory) : options.roles
    const usage = await options.usage?.(inventory, roles)
    // A role that does not load may be the one that has the variable.
    const allLoaded = !more.some(p => p.severity === 'error')
    for (const finding of [
      ...ruled('platform', platformProblems(inventory, roles)),
      ...ruled('role-variable', roleVarProblems(raw, inventory, roles)),
      ...(allLoaded ? ruled('unknown-variable', unknownVarProblems(raw, roles)) : []),
      ...ruled('advice', adviceProblems(raw, inventory, roles, await options.tools?.(inventory))),
      ...(usage
        ? [
            ...ruled('ungrouped-host', ungroupedProblems(raw, inventory, usage)),
            ...ruled('unused-variable', unusedVarProblems(raw, inventory, usage)),
            ...ruled('play-hosts', misspeltGroupProblems(raw, usage)),
          ]
        : []),
    ])
      found.push(source.problem(finding))
  }
  const uses = options.secretNames ? secretReferences(raw) : []
  if (uses.length > 0) {
    const known = await options.secretNames?.(inventory.secretsFile)
    if (known !== undefined)
      found.push(...secretProblems(uses, known, basename(inventory.secretsFile)))
  }
  return [...found, ...more].sort(byPlace)
}

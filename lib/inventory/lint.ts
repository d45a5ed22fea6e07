import { findCycle } from './groups.ts'
import { readInventory } from './load.ts'
import { platformProblems } from './platform.ts'
import { byPlace, type Problem } from './problem.ts'
import { resolveInventory } from './resolve.ts'
import { adviceProblems, roleVarProblems, type RoleVarsInfo } from './role-vars.ts'
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
  /** Variables of `-e`. */
  readonly extraVars?: Readonly<Record<string, unknown>> | undefined
  /** The file's content, if it has not been written yet. */
  readonly text?: Uint8Array | undefined
}

/** Every problem of an inventory file, in the order of the file. Throws UsageError if it cannot be read. */
export async function lint(file: string, options: LintOptions = {}): Promise<Problem[]> {
  const { raw, source, problems } = await readInventory(file, options.text)
  const found = [...problems]
  if (
    raw !== undefined &&
    options.roles !== undefined &&
    findCycle(raw.groups ?? {}) === undefined
  ) {
    const inventory = resolveInventory(raw, file, options.extraVars)
    const roles =
      typeof options.roles === 'function' ? await options.roles(inventory) : options.roles
    for (const finding of [
      ...platformProblems(inventory, roles),
      ...roleVarProblems(raw, inventory, roles),
      ...unknownVarProblems(raw, roles),
      ...adviceProblems(raw, inventory, roles),
    ])
      found.push(source.problem(finding))
  }
  return found.sort(byPlace)
}

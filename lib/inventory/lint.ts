import { findCycle } from './groups.ts'
import { readInventory } from './load.ts'
import { platformFindings } from './platform.ts'
import { byPlace, type Problem } from './problem.ts'
import { resolveInventory } from './resolve.ts'
import {
  adviceFindings,
  roleVarFindings,
  unknownVarFindings,
  type RoleVarsInfo,
} from './role-vars.ts'
import type { Inventory } from './types.ts'

export type { Problem } from './problem.ts'
export type { RoleVarsInfo } from './role-vars.ts'

export interface LintOptions {
  /** Without roles their variables are not looked at. A function gets the inventory once its shape is right. */
  readonly roles?:
    | readonly RoleVarsInfo[]
    | ((inventory: Inventory) => readonly RoleVarsInfo[] | Promise<readonly RoleVarsInfo[]>)
    | undefined
  readonly extraVars?: Readonly<Record<string, unknown>> | undefined
  /** The file's content, where it is not written yet. */
  readonly text?: Uint8Array | undefined
}

/** Every problem of an inventory file, in the order of the file. UsageError if the file cannot be read. */
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
      ...platformFindings(inventory, roles),
      ...roleVarFindings(raw, inventory, roles),
      ...unknownVarFindings(raw, roles),
      ...adviceFindings(raw, inventory, roles),
    ])
      found.push(source.problem(finding))
  }
  return found.sort(byPlace)
}

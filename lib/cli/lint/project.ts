import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Playbook } from '../../engine/define/playbook.ts'
import type { Role } from '../../engine/define/role.ts'
import { UsageError } from '../../errors.ts'
import { matchPlay } from '../../inventory/patterns.ts'
import type { Problem } from '../../inventory/problem.ts'
import type { Inventory } from '../../inventory/types.ts'
import { suggestion } from '../../text/nearest.ts'
import { loadPlaybook, loadRole, playbookFiles, roleFiles } from '../load.ts'
import { packageRoot } from '../paths.ts'

/** A playbook that lint checks. */
export interface LintedPlaybook {
  readonly book: Playbook
  readonly file: string
  /** It is in the project, not one of fmc's. */
  readonly own: boolean
  /** Its variables must be in the inventory: it is the site, or was named. An operation may get them with -e. */
  readonly complete: boolean
  /** The command line names it. */
  readonly named: boolean
}

/** The code that an inventory is used with, and what is wrong in the project's own part of it. */
export interface LintedProject {
  readonly playbooks: readonly LintedPlaybook[]
  readonly roles: readonly Role[]
  /** Of files that cannot be compiled or loaded. */
  readonly problems: readonly Problem[]
}

/**
 * Loads the roles and the playbooks that a project uses: those that `names` lists, else its own, and fmc's `site` if it has none of
 * that name. A playbook or role of the project that cannot be loaded is a problem, not an error.
 */
export async function loadProject(
  inventoryFile: string,
  names: readonly string[] = [],
): Promise<LintedProject> {
  const problems = new Map<string, Problem>()
  const tried = async <T>(file: string, load: () => Promise<T>): Promise<T[]> => {
    try {
      return [await load()]
    } catch (error) {
      if (!(error instanceof UsageError)) throw error
      // Several files may import the same broken one.
      for (const problem of loadProblems(file, error))
        problems.set(
          `${problem.file}:${problem.line}:${problem.column}:${problem.message}`,
          problem,
        )
      return []
    }
  }
  const files = playbookFiles(inventoryFile)
  const own = new Set([...files].flatMap(([name, file]) => (isOwn(file) ? [name] : [])))
  const chosen = names.length > 0 ? names : [...new Set([...own, 'site'])]
  const playbooks = await Promise.all(
    chosen.map(async (name): Promise<LintedPlaybook[]> => {
      const file = files.get(name) ?? name
      const complete = names.length > 0 || name === 'site'
      const books = await tried(file, () => loadPlaybook(name, inventoryFile))
      const isProjects = own.has(name) || !files.has(name)
      return books.map(book => ({ book, file, own: isProjects, complete, named: names.length > 0 }))
    }),
  )
  const roles = await Promise.all(
    [...roleFiles(inventoryFile)].map(([name, file]) =>
      tried(file, () => loadRole(name, inventoryFile)),
    ),
  )
  return { playbooks: playbooks.flat(), roles: roles.flat(), problems: [...problems.values()] }
}

/** Not one of fmc's own. */
const isOwn = (file: string): boolean => dirname(file) !== join(packageRoot(), 'playbooks')

/** The places in an error of compile.ts or of a module that throws; without one, the start of the file. */
export function loadProblems(entry: string, error: UsageError): Problem[] {
  return error.message.split('\n').flatMap((text, index): Problem[] => {
    const [, file, line, column, message] = /^(\/.*?):(\d+):(\d+): (.*)$/.exec(text) ?? []
    const common = { severity: 'error' as const, rule: 'load' as const, hint: error.hint }
    if (file !== undefined)
      return [
        { ...common, file, line: Number(line), column: Number(column), message: message ?? '' },
      ]
    if (index > 0 && /^\//.test(error.message)) return []
    return index > 0
      ? []
      : [{ ...common, file: entry, line: 1, column: 1, message: text.replace(`${entry}: `, '') }]
  })
}

/**
 * Does the inventory use fmc's own site? Yes if the project has no other playbook, or if a variable of a role of it is set where the
 * role would run. Else its groups only share their names with fmc's.
 */
export function usesSite(inventory: Inventory, { playbooks }: LintedProject): boolean {
  if (!playbooks.some(({ own }) => own)) return true
  const site = playbooks.find(({ own, book }) => !own && book.name === 'site')
  return (site?.book.stages.flat() ?? []).some(play =>
    matchPlay(inventory, play.hosts).hosts.some(host =>
      play.roles.some(role =>
        Object.keys(role.vars.shape).some(name => Object.hasOwn(host.vars, name)),
      ),
    ),
  )
}

/** Warnings for plays of the project's own playbooks on groups that the inventory does not have: fmc skips them. */
export const missingGroupProblems = (
  inventory: Inventory,
  playbooks: readonly LintedPlaybook[],
): Problem[] =>
  playbooks
    .filter(({ own }) => own)
    .flatMap(({ book, file }) =>
      book.stages.flat().flatMap(play =>
        matchPlay(inventory, play.hosts).missing.map((name): Problem => ({
          severity: 'warning',
          rule: 'play-hosts',
          file,
          ...placeOf(file, play.hosts),
          message: `the inventory has no group or host ${name}: fmc skips it in the play ${play.name}`,
          hint: suggestion(name, [...inventory.groups.keys(), ...inventory.hosts.keys()]),
        })),
      ),
    )

/** Where a file has this text as a string; the start of the file if it puts it together. */
function placeOf(file: string, text: string): { readonly line: number; readonly column: number } {
  const source = existsSync(file) ? readFileSync(file, 'utf8') : ''
  const offset = ["'", '"', '`']
    .map(quote => source.indexOf(`${quote}${text}${quote}`))
    .find(at => at >= 0)
  if (offset === undefined) return { line: 1, column: 1 }
  const before = source.slice(0, offset).split('\n')
  return { line: before.length, column: (before.at(-1) ?? '').length + 1 }
}

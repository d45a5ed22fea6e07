import { existsSync, readdirSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { UsageError } from '../errors.ts'
import type { Playbook } from '../engine/define/playbook.ts'
import type { Role } from '../engine/define/role.ts'
import { suggestion } from '../text/nearest.ts'
import { importTs, moduleOf } from './import-ts.ts'
import { packageRoot, searchDirs } from './paths.ts'

const names = (
  dirs: readonly string[],
  of: (dir: string, name: string) => string | undefined,
): Map<string, string> => {
  const found = new Map<string, string>()
  for (const dir of dirs)
    for (const name of existsSync(dir) ? readdirSync(dir).sort() : []) {
      const file = of(dir, name)
      if (file !== undefined && !found.has(basename(name, '.ts')))
        found.set(basename(name, '.ts'), file)
    }
  return found
}

/** Playbook names and their files: from playbooks/ beside the inventory, and from fmc's own. */
export const playbookFiles = (inventoryFile: string): Map<string, string> =>
  names(searchDirs(inventoryFile, 'playbooks'), (dir, name) =>
    name.endsWith('.ts') ? join(dir, name) : undefined,
  )

/** A playbook or a role, and whose it is. */
export interface Found {
  readonly kind: 'playbook' | 'role'
  readonly name: string
  readonly file: string
  /** The directory of the inventory, or fmc itself. */
  readonly from: 'project' | 'fmc'
  /** The project's own is used instead of fmc's of the same name. */
  readonly shadows: boolean
}

/** All playbooks and roles by name, each with where it comes from. */
export function catalogue(inventoryFile: string): Found[] {
  const own = packageRoot()
  const of = (kind: 'playbook' | 'role', files: ReadonlyMap<string, string>): Found[] =>
    [...files]
      .map(([name, file]) => {
        const from = file.startsWith(`${own}/${kind}s/`) ? ('fmc' as const) : ('project' as const)
        const fmcs =
          kind === 'role'
            ? join(own, 'roles', name, 'index.ts')
            : join(own, 'playbooks', `${name}.ts`)
        return { kind, name, file, from, shadows: from === 'project' && existsSync(fmcs) }
      })
      .sort((a, b) => (a.name < b.name ? -1 : 1))
  return [...of('playbook', playbookFiles(inventoryFile)), ...of('role', roleFiles(inventoryFile))]
}

/** Whose a playbook or role is, in words. */
export const originOf = ({ from, shadows }: Found): string =>
  from === 'fmc' ? 'fmc' : shadows ? "this project; shadows fmc's" : 'this project'

/** Role names and their index.ts: from roles/ beside the inventory, and from fmc's own. */
export const roleFiles = (inventoryFile: string): Map<string, string> =>
  names(searchDirs(inventoryFile, 'roles'), (dir, name) =>
    existsSync(join(dir, name, 'index.ts')) ? join(dir, name, 'index.ts') : undefined,
  )

function pick(kind: string, name: string, files: ReadonlyMap<string, string>): string {
  const direct = name.endsWith('.ts') && existsSync(name) ? resolve(name) : files.get(name)
  if (direct !== undefined) return direct
  throw new UsageError(`there is no ${kind} ${name}`, {
    hint: suggestion(name, files.keys()) ?? `${kind}s: ${[...files.keys()].join(', ') || 'none'}`,
  })
}

/** The file of a playbook by name or path. Throws UsageError. */
export const playbookFile = (name: string, inventoryFile: string): string =>
  pick('playbook', name, playbookFiles(inventoryFile))

/** The index.ts of a role by name or path. Throws UsageError. */
export const roleFile = (name: string, inventoryFile: string): string =>
  pick('role', name, roleFiles(inventoryFile))

/** A playbook by name or path. Throws UsageError. */
export async function loadPlaybook(name: string, inventoryFile: string): Promise<Playbook> {
  const file = playbookFile(name, inventoryFile)
  const found = (await importTs(file, inventoryFile)) as Playbook | undefined
  if (!Array.isArray(found?.stages))
    throw new UsageError(`${file}: its default export is not a playbook(…)`)
  return found
}

/** The files that a playbook is made of: its own and all that they import. Throws UsageError. */
export const playbookSources = async (
  name: string,
  inventoryFile: string,
): Promise<readonly string[]> =>
  (await moduleOf(pick('playbook', name, playbookFiles(inventoryFile)), inventoryFile)).sources

/** A role by name. Throws UsageError. */
export async function loadRole(name: string, inventoryFile: string): Promise<Role> {
  const file = roleFile(name, inventoryFile)
  const found = (await importTs(file, inventoryFile)) as Role | undefined
  if (typeof found?.tasks !== 'function')
    throw new UsageError(`${file}: its default export is not a role({…})`)
  return found
}

/** The default export of a file beside a role's index.ts, for a command that belongs to the role. */
export async function loadPart<T>(role: string, part: string, inventoryFile: string): Promise<T> {
  const file = join(dirname(pick('role', role, roleFiles(inventoryFile))), part)
  if (!existsSync(file)) throw new UsageError(`the role ${role} has no ${file}`)
  return (await importTs(file, inventoryFile)) as T
}

/** All roles. */
export const loadRoles = async (inventoryFile: string): Promise<Role[]> =>
  Promise.all([...roleFiles(inventoryFile).keys()].map(name => loadRole(name, inventoryFile)))

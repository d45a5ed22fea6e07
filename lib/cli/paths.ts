import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join, resolve } from 'node:path'

/** What fmc takes from hosts for good (snapshots, tokens: secrets), by domain: $XDG_STATE_HOME, else ~/.local/state. */
export const keepDir = (domain: string): string =>
  join(process.env['XDG_STATE_HOME'] || join(homedir(), '.local', 'state'), 'fmc', domain)

/** The project's root, from the bundle (dist) and from the sources (lib/cli). */
export const packageRoot = (): string => {
  let dir = import.meta.dirname
  while (!existsSync(join(dir, 'package.json')) || dir.endsWith('/dist')) dir = dirname(dir)
  return dir
}

/** The first directory that has the file: the inventory's, the current one, fmc's own. */
export const findFile = (inventoryFile: string, relative: string): string | undefined =>
  [dirname(resolve(inventoryFile)), process.cwd(), packageRoot()]
    .map(dir => join(dir, relative))
    .find(path => existsSync(path))

/** Directories in which playbooks and roles are looked for. */
export const searchDirs = (inventoryFile: string, kind: 'playbooks' | 'roles'): string[] => [
  ...new Set(
    [dirname(resolve(inventoryFile)), process.cwd(), packageRoot()].map(dir => join(dir, kind)),
  ),
]

import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { userDir } from '../cache-dir.ts'
import { UsageError } from '../errors.ts'

/** What fmc takes from hosts for good (snapshots, tokens: secrets), by domain: $XDG_STATE_HOME, else ~/.local/state. */
export function keepDir(domain: string): string {
  const state = userDir('XDG_STATE_HOME', join('.local', 'state'))
  if (state === undefined)
    throw new UsageError('there is no home directory to keep snapshots and tokens in', {
      hint: 'export HOME=/root   # or XDG_STATE_HOME',
    })
  return join(state, 'fmc', domain)
}

/** The project's root, from the bundle (dist) and from the sources (lib/cli). */
export const packageRoot = (): string => {
  let dir = import.meta.dirname
  while (!existsSync(join(dir, 'package.json')) || dir.endsWith('/dist')) dir = dirname(dir)
  return dir
}

/**
 * Directories in which playbooks and roles are looked for: the project's, which is the inventory's directory, and fmc's own.
 * Never the current directory: it may be anybody's.
 */
export const searchDirs = (inventoryFile: string, kind: 'playbooks' | 'roles'): string[] => [
  ...new Set([dirname(resolve(inventoryFile)), packageRoot()].map(dir => join(dir, kind))),
]

import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { userDir } from '../cache-dir.ts'
import { UsageError } from '../errors.ts'

/** The directory for what fmc fetches from a domain's hosts to keep (snapshots, tokens): below $XDG_STATE_HOME, else ~/.local/state. */
export function keepDir(domain: string): string {
  const state = userDir('XDG_STATE_HOME', join('.local', 'state'))
  if (state === undefined)
    throw new UsageError('there is no home directory for snapshots and tokens', {
      hint: 'export HOME=/root   # or XDG_STATE_HOME',
    })
  return join(state, 'fmc', domain)
}

/** fmc's own directory, found from the bundle (dist) as from the sources (lib/cli). */
export const packageRoot = (): string => {
  let dir = import.meta.dirname
  while (!existsSync(join(dir, 'package.json')) || dir.endsWith('/dist')) dir = dirname(dir)
  return dir
}

/**
 * The directories to search for playbooks and roles: the inventory's, then fmc's own. Never the current directory, which
 * another user may control.
 */
export const searchDirs = (inventoryFile: string, kind: 'playbooks' | 'roles'): string[] => [
  ...new Set([dirname(resolve(inventoryFile)), packageRoot()].map(dir => join(dir, kind))),
]

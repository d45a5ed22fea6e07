import { homedir } from 'node:os'
import { join } from 'node:path'

/**
 * What fmc keeps between runs on the controller: $FMC_CACHE, else fmc below the user's cache directory. An empty
 * variable counts as unset (XDG Base Directory Specification).
 */
export const cacheDir = (env: NodeJS.ProcessEnv = process.env): string =>
  env['FMC_CACHE'] || join(env['XDG_CACHE_HOME'] || join(env['HOME'] || homedir(), '.cache'), 'fmc')

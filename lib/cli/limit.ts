import { UsageError } from '../errors.ts'
import { matchHosts } from '../inventory/patterns.ts'
import type { Host, Inventory } from '../inventory/types.ts'
import { limitNames } from './limit-names.ts'

/** The option --limit, which may be given several times. */
export interface Limited {
  readonly limit?: readonly string[] | undefined
}

/** The hosts of a pattern that the limits leave (limit-names.ts). Throws UsageError when there are none. */
export function hostsOf(inventory: Inventory, pattern: string, { limit }: Limited): Host[] {
  const matched = matchHosts(inventory, pattern)
  if (matched.length === 0) throw new UsageError(`${pattern} matches no host`)
  if (limit === undefined) return matched
  const within = limitNames(inventory, limit, () => {
    throw new UsageError(
      '--limit @failed is for fmc play: it means the last run of that playbook',
      {
        hint: 'fmc play PLAYBOOK --limit @failed --list-hosts',
      },
    )
  })
  const hosts = matched.filter(host => within.has(host.name))
  if (hosts.length > 0) return hosts
  throw new UsageError(`--limit ${limit.join(' --limit ')} matches no host of ${pattern}`)
}

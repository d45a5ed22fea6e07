import { UsageError } from '../errors.ts'
import { matchHosts } from '../inventory/patterns.ts'
import type { Host, Inventory } from '../inventory/types.ts'

/** The option --limit, which may be given several times. */
export interface Limited {
  readonly limit?: readonly string[] | undefined
}

/** The hosts of a pattern that at least one of the limits matches, too. Throws UsageError when there are none. */
export function hostsOf(inventory: Inventory, pattern: string, { limit }: Limited): Host[] {
  const matched = matchHosts(inventory, pattern)
  if (matched.length === 0) throw new UsageError(`${pattern} matches no host`)
  if (limit === undefined) return matched
  const within = new Set(limit.flatMap(term => matchHosts(inventory, term).map(h => h.name)))
  const hosts = matched.filter(host => within.has(host.name))
  if (hosts.length > 0) return hosts
  throw new UsageError(`--limit ${limit.join(' --limit ')} matches no host of ${pattern}`)
}

import { UsageError } from '../errors.ts'
import { error } from './check-references.ts'
import { findCycle, groupTree } from './groups.ts'
import { matchNames } from './patterns.ts'
import type { UnplacedProblem, Path } from './problem.ts'
import type { RawInventory } from './raw.ts'

/**
 * The hosts of each pattern that stands in an inventory. `found` gets an error for a pattern that cannot be matched, and a
 * warning for one that matches no host. Undefined: there is an error.
 */
export function patternMatcher(
  raw: RawInventory,
  found: UnplacedProblem[],
): (pattern: string, path: Path) => ReadonlySet<string> | undefined {
  if (findCycle(raw.groups ?? {}) !== undefined) return () => undefined
  const scope = {
    groups: groupTree(raw).members,
    hosts: new Map(Object.entries(raw.hosts)),
  }
  const known = new Map<string, ReadonlySet<string>>()
  return (pattern, path) => {
    try {
      const names = known.get(pattern) ?? matchNames(scope, pattern)
      known.set(pattern, names)
      if (names.size === 0)
        found.push({ severity: 'warning', path, message: `the pattern ${pattern} matches no host` })
      return names
    } catch (problem) {
      if (!(problem instanceof UsageError)) throw problem
      found.push(error(path, problem.message, problem.hint))
      return undefined
    }
  }
}

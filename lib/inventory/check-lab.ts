import { patternMatcher } from './check-patterns.ts'
import type { UnplacedProblem } from './problem.ts'
import type { RawInventory } from './raw.ts'

/** Problems of what the lab is to make of an inventory. */
export function labProblems(raw: RawInventory): UnplacedProblem[] {
  const found: UnplacedProblem[] = []
  const match = patternMatcher(raw, found)
  for (const pattern of Object.keys(raw.lab?.dirt ?? {})) match(pattern, ['lab', 'dirt', pattern])
  return found
}

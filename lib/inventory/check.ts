import { addressProblems } from './check-addresses.ts'
import { capacityProblems } from './check-capacity.ts'
import { referenceProblems } from './check-references.ts'
import { vipProblems } from './check-vips.ts'
import { vpnProblems } from './check-vpn.ts'
import type { UnplacedProblem } from './problem.ts'
import type { RawInventory } from './raw.ts'

/** All problems of an inventory with a valid shape (schema.ts). Pure and fast: every command runs it. */
export const checkInventory = (raw: RawInventory): UnplacedProblem[] => [
  ...referenceProblems(raw),
  ...addressProblems(raw),
  ...vipProblems(raw),
  ...vpnProblems(raw),
  ...capacityProblems(raw),
]

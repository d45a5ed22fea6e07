import { addressProblems } from './check-addresses.ts'
import { capacityProblems } from './check-capacity.ts'
import { referenceProblems } from './check-references.ts'
import { timezoneProblems } from './check-timezone.ts'
import { hookProblems } from './check-hooks.ts'
import { labProblems } from './check-lab.ts'
import { vipProblems } from './check-vips.ts'
import { vpnProblems } from './check-vpn.ts'
import type { UnplacedProblem } from './problem.ts'
import type { RawInventory } from './raw.ts'
import { ruled } from './rules.ts'

/** All problems of an inventory with a valid shape (schema.ts). Pure and fast: every command runs it. */
export const checkInventory = (raw: RawInventory): UnplacedProblem[] => [
  ...ruled('timezone', timezoneProblems(raw)),
  ...ruled('reference', referenceProblems(raw)),
  ...ruled('address', addressProblems(raw)),
  ...ruled('vip', vipProblems(raw)),
  ...ruled('vpn', vpnProblems(raw)),
  ...ruled('capacity', capacityProblems(raw)),
  ...ruled('hook', hookProblems(raw)),
  ...ruled('lab', labProblems(raw)),
]

import { addressFindings } from './check-addresses.ts'
import { capacityFindings } from './check-capacity.ts'
import { referenceFindings } from './check-references.ts'
import { vipFindings } from './check-vips.ts'
import { vpnFindings } from './check-vpn.ts'
import type { UnplacedProblem } from './problem.ts'
import type { RawInventory } from './raw.ts'

/** Everything wrong in an inventory whose shape is right (schema.ts). Pure and quick: every command runs it. */
export const checkInventory = (raw: RawInventory): UnplacedProblem[] => [
  ...referenceFindings(raw),
  ...addressFindings(raw),
  ...vipFindings(raw),
  ...vpnFindings(raw),
  ...capacityFindings(raw),
]

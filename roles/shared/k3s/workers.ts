import { matchHosts, type Host, type Inventory } from '../../../lib/index.ts'

/** The group of the hosts that run pods and hold volumes. An inventory may lack it, such as one of K3s alone. */
export const WORKERS = 'workers'

/** The hosts of a pattern; none for the group workers where the inventory has no such group. */
export const workersOf = (inventory: Inventory, pattern: string): readonly Host[] =>
  pattern === WORKERS && !inventory.groups.has(WORKERS) ? [] : matchHosts(inventory, pattern)

import type { Host } from '../inventory/types.ts'
import { scope } from './scope.ts'

/**
 * Tells a plan that this role would create a host, a VM of the host for which it runs. If that host does not answer yet, fmc
 * plans its plays from its inventory entry and the facts of a newly installed host (lib/facts/new-host.ts). Does nothing in
 * the other passes.
 *
 * @throws TaskError for a host that is not a VM of this one.
 *
 * @example
 * for (const vm of hosts('all').filter(h => h.vmOn === host().name)) willExist(vm)
 */
export const willExist = (host: Host): void => scope().willExist(host.name)

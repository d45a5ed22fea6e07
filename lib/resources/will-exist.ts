import type { Host } from '../inventory/types.ts'
import { scope } from './scope.ts'

/**
 * In a plan: the role that runs here would make this host, a VM of the host it runs for. If nobody answers at its
 * address, its plays are planned from its inventory entry and the facts of a freshly installed host
 * (lib/facts/new-host.ts). Does nothing in other passes. Throws TaskError for a host that is no VM of this one.
 */
export const willExist = (host: Host): void => scope().willExist(host.name)

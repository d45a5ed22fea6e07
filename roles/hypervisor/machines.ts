import type { Vars } from './vars.ts'

/** The VMs of this host. */
export const machines = (_vars: Vars): Promise<void> => Promise.resolve()

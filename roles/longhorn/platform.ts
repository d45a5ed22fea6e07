import type { Platforms } from '../../lib/index.ts'

/** What differs between operating systems. */
export interface Platform {
  readonly packages: readonly string[]
}

const debian: Platform = { packages: ['open-iscsi', 'nfs-common', 'cryptsetup', 'dmsetup'] }

/** What a node needs for Longhorn's volumes (longhorn.io, "Installation Requirements"). Flatcar's image has it. The K3s roles do not run on EL. */
export const PLATFORMS: Platforms<Platform> = {
  'debian 12': debian,
  'debian 13': debian,
  'ubuntu 24.04': debian,
  flatcar: { packages: [] },
}

/** The units have the same names on all systems. */
export const ISCSI_UNIT = 'iscsid'
/** multipathd would claim Longhorn's devices as paths of one disk (longhorn.io, knowledge base). */
export const MULTIPATH_UNITS = ['multipathd.socket', 'multipathd'] as const
/** iSCSI for volumes, dm_crypt for encrypted ones. */
export const MODULES = ['iscsi_tcp', 'dm_crypt'] as const

import type { Platforms } from '../../lib/index.ts'

export interface Platform {
  readonly packages: readonly string[]
}

/** What a node needs for Longhorn's volumes (longhorn.io, "Installation Requirements"); Flatcar's image has it built in. No EL: K3s has none. */
export const PLATFORMS: Platforms<Platform> = {
  debian: { packages: ['open-iscsi', 'nfs-common', 'cryptsetup', 'dmsetup'] },
  flatcar: { packages: [] },
}

/** Units have the same names on all of them. */
export const ISCSI_UNIT = 'iscsid'
/** multipathd would take Longhorn's devices for paths of one disk (longhorn.io, knowledge base). */
export const MULTIPATH_UNITS = ['multipathd.socket', 'multipathd'] as const
/** iSCSI for volumes, dm_crypt for encrypted ones. */
export const MODULES = ['iscsi_tcp', 'dm_crypt'] as const

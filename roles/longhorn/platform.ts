import { TaskError, type Host } from '../../lib/index.ts'

/** What a node needs for Longhorn's volumes (longhorn.io, "Installation Requirements"); Flatcar's image has it built in. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  debian: ['open-iscsi', 'nfs-common', 'cryptsetup', 'dmsetup'],
  el: ['iscsi-initiator-utils', 'nfs-utils', 'cryptsetup', 'device-mapper'],
  flatcar: [],
}

/** Units have the same names on all of them. */
export const ISCSI_UNIT = 'iscsid'
/** multipathd would take Longhorn's devices for paths of one disk (longhorn.io, knowledge base). */
export const MULTIPATH_UNITS = ['multipathd.socket', 'multipathd'] as const
/** iSCSI for volumes, dm_crypt for encrypted ones. */
export const MODULES = ['iscsi_tcp', 'dm_crypt'] as const

/** Packages by operating system; throws TaskError for one that is not known. */
export function packagesOf({ os }: Pick<Host, 'os'>): readonly string[] {
  const found = PACKAGES[os.family]
  if (!found) throw new TaskError(`longhorn does not know what ${os.name} needs`)
  return found
}

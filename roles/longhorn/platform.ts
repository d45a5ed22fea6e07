import type { Platforms } from '../../lib/index.ts'

/** What differs between operating systems. */
export interface Platform {
  readonly packages: readonly string[]
  /** SELinux confines iscsid, which Longhorn runs on the host. */
  readonly selinux: boolean
}

const debian: Platform = {
  packages: ['open-iscsi', 'nfs-common', 'cryptsetup', 'dmsetup'],
  selinux: false,
}

/** What a node needs for Longhorn's volumes (longhorn.io, "Installation Requirements"). Flatcar's image has it. */
export const PLATFORMS: Platforms<Platform> = {
  'debian 12': debian,
  'debian 13': debian,
  'ubuntu 24.04': debian,
  'el 9': {
    packages: ['iscsi-initiator-utils', 'nfs-utils', 'cryptsetup', 'device-mapper'],
    selinux: true,
  },
  flatcar: { packages: [], selinux: false },
}

/** The units have the same names on all systems. */
export const ISCSI_UNIT = 'iscsid'
/** multipathd would claim Longhorn's devices as paths of one disk (longhorn.io, knowledge base). */
export const MULTIPATH_UNITS = ['multipathd.socket', 'multipathd'] as const
/** iSCSI for volumes, dm_crypt for encrypted ones. */
export const MODULES = ['iscsi_tcp', 'dm_crypt'] as const

/**
 * A module of SELinux's policy, and its source. EL's iscsi-initiator-utils cannot run without this capability, and the policy
 * denies it to iscsid_t, in which Longhorn runs it: volumes do not attach (longhorn.io/kb, "Volume attachment fails due to SELinux
 * denials"). k3s-selinux does not allow it either.
 */
export const SELINUX_MODULE = '/etc/selinux/fmc-longhorn.cil'
export const SELINUX_SOURCE = '(allow iscsid_t self (capability (dac_override)))\n'

import type { Platforms } from '../../lib/index.ts'

/** What differs between operating systems. */
export interface Platform {
  readonly packages: readonly string[]
  readonly unit: string
  /** The system may run firewalld, which closes every port that is not opened in it. */
  readonly firewalld: boolean
}

const debian: Platform = { packages: ['nfs-kernel-server'], unit: 'nfs-server', firewalld: false }

/** nfs-server is the unit's name on all of them; Debian's nfs-kernel-server is an alias of it. Flatcar's image has it built in. */
export const PLATFORMS: Platforms<Platform> = {
  'debian 12': debian,
  'debian 13': debian,
  'ubuntu 24.04': debian,
  'el 9': { packages: ['nfs-utils'], unit: 'nfs-server', firewalld: true },
  flatcar: { packages: [], unit: 'nfs-server', firewalld: false },
}

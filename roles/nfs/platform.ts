import type { Platforms } from '../../lib/index.ts'

export interface Platform {
  readonly packages: readonly string[]
  readonly unit: string
}

/** nfs-server is the unit's name on all of them; Debian's nfs-kernel-server is an alias of it. Flatcar's image has it built in. */
export const PLATFORMS: Platforms<Platform> = {
  debian: { packages: ['nfs-kernel-server'], unit: 'nfs-server' },
  el: { packages: ['nfs-utils'], unit: 'nfs-server' },
  flatcar: { packages: [], unit: 'nfs-server' },
}

import type { Platforms } from '../../lib/index.ts'

/** What differs between operating systems. */
export interface Platform {
  /** The packages that contain nft. */
  readonly packages: readonly string[]
}

const debian: Platform = { packages: ['nftables'] }
const el: Platform = { packages: ['nftables'] }

/** Flatcar's image has nft. */
export const PLATFORMS: Platforms<Platform> = {
  'debian 12': debian,
  'debian 13': debian,
  'ubuntu 24.04': debian,
  'el 9': el,
  flatcar: { packages: [] },
}

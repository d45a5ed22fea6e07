import type { Platforms } from '../../lib/index.ts'

/** What differs between operating systems. */
export interface Platform {
  /** The packages that contain nft. */
  readonly packages: readonly string[]
}

/** Flatcar's image has nft. */
export const PLATFORMS: Platforms<Platform> = {
  debian: { packages: ['nftables'] },
  el: { packages: ['nftables'] },
  flatcar: { packages: [] },
}

import type { Platforms } from '../../lib/index.ts'

export interface Platform {
  /** They bring nft. */
  readonly packages: readonly string[]
}

/** Flatcar's image has nft. The role's own unit needs nothing else of the system. */
export const PLATFORMS: Platforms<Platform> = {
  debian: { packages: ['nftables'] },
  el: { packages: ['nftables'] },
  flatcar: { packages: [] },
}

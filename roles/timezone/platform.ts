import type { Platforms } from '../../lib/index.ts'

/** What differs between operating systems. */
export interface Platform {
  /** Where the zones come from. */
  readonly packages: readonly string[]
}

/** Flatcar has all zones in its image. */
export const PLATFORMS: Platforms<Platform> = {
  debian: { packages: ['tzdata'] },
  el: { packages: ['tzdata'] },
  flatcar: { packages: [] },
}

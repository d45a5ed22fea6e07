import type { Platforms } from '../../lib/index.ts'

/** What differs between operating systems. */
export interface Platform {
  /** Where the zones come from. */
  readonly packages: readonly string[]
}

/** From Debian 13 and Ubuntu 24.04 on, old names such as US/Pacific have a package of their own. */
const WITH_OLD_NAMES: Platform = { packages: ['tzdata', 'tzdata-legacy'] }

/** Flatcar has all zones in its image. */
export const PLATFORMS: Platforms<Platform> = {
  'debian 12': { packages: ['tzdata'] },
  'debian 13': WITH_OLD_NAMES,
  'ubuntu 24.04': WITH_OLD_NAMES,
  'el 9': { packages: ['tzdata'] },
  flatcar: { packages: [] },
}

import type { Platforms } from '../../lib/index.ts'

/** What differs between operating systems. */
export interface Platform {
  readonly packages: readonly string[]
  /** The system may run firewalld, which closes every port that is not opened in it. */
  readonly firewalld: boolean
}

/** One package has wg(8), wg-quick(8) and its unit. Flatcar's image has them, too. */
export const PLATFORMS: Platforms<Platform> = {
  debian: { packages: ['wireguard-tools'], firewalld: false },
  el: { packages: ['wireguard-tools'], firewalld: true },
  flatcar: { packages: [], firewalld: false },
}

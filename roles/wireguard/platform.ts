import type { Platforms } from '../../lib/index.ts'

/** What differs between operating systems. */
export interface Platform {
  readonly packages: readonly string[]
  /** The system may run firewalld, which closes every port that is not opened in it. */
  readonly firewalld: boolean
}

const debian: Platform = { packages: ['wireguard-tools'], firewalld: false }

/** One package has wg(8), wg-quick(8) and its unit. Flatcar's image has them, too. */
export const PLATFORMS: Platforms<Platform> = {
  'debian 12': debian,
  'debian 13': debian,
  'ubuntu 24.04': debian,
  'el 9': { packages: ['wireguard-tools'], firewalld: true },
  flatcar: { packages: [], firewalld: false },
}

import type { Platforms } from '../../lib/index.ts'

export interface Platform {
  readonly packages: readonly string[]
  /** A firewall that lets nothing in unless it is told to. */
  readonly firewalld: boolean
}

/** wg(8) and wg-quick(8) with its unit are one package; Flatcar's image has them. */
export const PLATFORMS: Platforms<Platform> = {
  debian: { packages: ['wireguard-tools'], firewalld: false },
  el: { packages: ['wireguard-tools'], firewalld: true },
  flatcar: { packages: [], firewalld: false },
}

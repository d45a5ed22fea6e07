import type { Platforms } from '../../lib/index.ts'

export interface Platform {
  readonly packages: readonly string[]
}

/** wg(8) and wg-quick(8) with its unit are one package; Flatcar's image has them. */
export const PLATFORMS: Platforms<Platform> = {
  debian: { packages: ['wireguard-tools'] },
  el: { packages: ['wireguard-tools'] },
  flatcar: { packages: [] },
}

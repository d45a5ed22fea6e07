import type { Platforms } from '../../lib/index.ts'

export interface Platform {
  readonly packages: readonly string[]
  readonly script: string
}

/** EL has curl (curl-minimal, which a package curl would conflict with); Flatcar has both and a read-only /usr. */
export const PLATFORMS: Platforms<Platform> = {
  debian: { packages: ['curl', 'jq', 'ca-certificates'], script: '/usr/local/libexec/fmc-ddns' },
  el: { packages: ['jq'], script: '/usr/local/libexec/fmc-ddns' },
  flatcar: { packages: [], script: '/opt/libexec/fmc-ddns' },
}

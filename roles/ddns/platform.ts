import type { Platforms } from '../../lib/index.ts'

/** What differs between operating systems. */
export interface Platform {
  readonly packages: readonly string[]
  /** Path of the script. */
  readonly script: string
}

/** EL has curl-minimal, which conflicts with the package curl. Flatcar has both programs, and its /usr is read-only. */
export const PLATFORMS: Platforms<Platform> = {
  debian: { packages: ['curl', 'jq', 'ca-certificates'], script: '/usr/local/libexec/fmc-ddns' },
  el: { packages: ['jq'], script: '/usr/local/libexec/fmc-ddns' },
  flatcar: { packages: [], script: '/opt/libexec/fmc-ddns' },
}

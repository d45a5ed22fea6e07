import type { Platforms } from '../../lib/index.ts'

/** What differs between operating systems. */
export interface Platform {
  readonly packages: readonly string[]
  /** Path of the script. */
  readonly script: string
}

const debian: Platform = {
  packages: ['curl', 'jq', 'ca-certificates'],
  script: '/usr/local/libexec/fmc-ddns',
}
const el: Platform = { packages: ['jq'], script: '/usr/local/libexec/fmc-ddns' }

/** EL has curl-minimal, which conflicts with the package curl. Flatcar has both programs, and its /usr is read-only. */
export const PLATFORMS: Platforms<Platform> = {
  'debian 12': debian,
  'debian 13': debian,
  'ubuntu 24.04': debian,
  'el 9': el,
  flatcar: { packages: [], script: '/opt/libexec/fmc-ddns' },
}

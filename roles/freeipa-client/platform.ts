import type { Platforms } from '../../lib/index.ts'

/** What differs between operating systems. */
export interface Platform {
  readonly packages: readonly string[]
}

/**
 * Enterprise Linux 9. Flatcar has no ipa-client, and its /usr is read-only: its hosts cannot be enrolled. Debian and Ubuntu have a package freeipa-client; nobody has tried this role with it.
 */
export const PLATFORMS: Platforms<Platform> = { 'el 9': { packages: ['ipa-client'] } }

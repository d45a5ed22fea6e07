import type { Platforms } from '../../lib/index.ts'
import type { ChronyPaths } from '../shared/dns/chrony.ts'

/** What differs between operating systems. */
export interface Platform extends ChronyPaths {
  /** The server with its DNS, chrony, and dig for the gates. */
  readonly packages: readonly string[]
  readonly chronyUnit: string
  readonly chronyConf: string
  /** The system may run firewalld, which closes every port that is not opened in it. */
  readonly firewalld: boolean
}

/**
 * Enterprise Linux 9 has the server (Red Hat, Installing Identity Management: ipa-server, ipa-server-dns). Debian and Ubuntu
 * have packages of the client only, and Flatcar has neither.
 */
export const PLATFORMS: Platforms<Platform> = {
  'el 9': {
    packages: ['ipa-server', 'ipa-server-dns', 'bind-utils', 'chrony'],
    chronyUnit: 'chronyd',
    chronyConf: '/etc/chrony.conf',
    chronyKeys: '/etc/chrony.keys',
    chronyDrift: '/var/lib/chrony/drift',
    firewalld: true,
  },
}

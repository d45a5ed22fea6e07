import type { Platforms } from '../../lib/index.ts'

/** What differs between operating systems. */
export interface Platform {
  /** Path of CoreDNS. */
  readonly coredns: string
  /** chrony, and dig for validation and gates. */
  readonly packages: readonly string[]
  readonly chronyUnit: string
  readonly chronyConf: string
  readonly chronyKeys: string
  readonly chronyDrift: string
  /** The system may run firewalld, which closes every port that is not opened in it. */
  readonly firewalld: boolean
}

const debian: Platform = {
  coredns: '/usr/local/bin/coredns',
  packages: ['bind9-dnsutils', 'chrony'],
  chronyUnit: 'chrony',
  chronyConf: '/etc/chrony/chrony.conf',
  chronyKeys: '/etc/chrony/chrony.keys',
  chronyDrift: '/var/lib/chrony/chrony.drift',
  firewalld: false,
}
const el: Platform = {
  coredns: '/usr/local/bin/coredns',
  packages: ['bind-utils', 'chrony'],
  chronyUnit: 'chronyd',
  chronyConf: '/etc/chrony.conf',
  chronyKeys: '/etc/chrony.keys',
  chronyDrift: '/var/lib/chrony/drift',
  firewalld: true,
}

/** Flatcar has no chrony. Debian 12: read from its packages. EL9: as Red Hat documents chrony and bind-utils. */
export const PLATFORMS: Platforms<Platform> = {
  'debian 12': debian,
  'debian 13': debian,
  'ubuntu 24.04': debian,
  'el 9': el,
}

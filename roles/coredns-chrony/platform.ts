import { TaskError, type Host } from '../../lib/index.ts'

export interface Platform {
  /** Where the DNS server's program goes. */
  readonly coredns: string
  /** Packages: dig, which validation and gates ask with, and chrony. */
  readonly packages: readonly string[]
  readonly chronyUnit: string
  readonly chronyConf: string
  readonly chronyKeys: string
  readonly chronyDrift: string
}

/** Debian 12: read from its packages. EL9: as Red Hat documents chrony and bind-utils. */
const PLATFORMS: Readonly<Record<string, Platform>> = {
  debian: {
    coredns: '/usr/local/bin/coredns',
    packages: ['bind9-dnsutils', 'chrony'],
    chronyUnit: 'chrony',
    chronyConf: '/etc/chrony/chrony.conf',
    chronyKeys: '/etc/chrony/chrony.keys',
    chronyDrift: '/var/lib/chrony/chrony.drift',
  },
  el: {
    coredns: '/usr/local/bin/coredns',
    packages: ['bind-utils', 'chrony'],
    chronyUnit: 'chronyd',
    chronyConf: '/etc/chrony.conf',
    chronyKeys: '/etc/chrony.keys',
    chronyDrift: '/var/lib/chrony/drift',
  },
}

/** What differs between operating systems; throws TaskError for one that cannot run this role. */
export function platformOf({ os }: Pick<Host, 'os'>): Platform {
  const found = PLATFORMS[os.family]
  if (!found)
    throw new TaskError(`coredns-chrony does not run on ${os.name}: it has no chrony`, {
      hint: 'put the host of DNS and time on Debian or an Enterprise Linux',
    })
  return found
}

import type { Platforms } from '../../lib/index.ts'

export interface Platform {
  /** Units that must run on a host, by its groups. */
  readonly units: Readonly<Record<string, readonly string[]>>
}

const EVERYWHERE = { k3s_servers: ['k3s'], k3s_agents: ['k3s-agent'], storage: ['nfs-server'] }
const BALANCERS = { loadbalancers: ['haproxy', 'keepalived'] }

const debian: Platform = {
  units: {
    ...EVERYWHERE,
    ...BALANCERS,
    infra: ['coredns', 'chrony'],
    // postgresql.service itself runs nothing on Debian and is always active.
    databases: ['postgresql@*'],
  },
}
const el: Platform = {
  units: {
    ...EVERYWHERE,
    ...BALANCERS,
    infra: ['coredns', 'chronyd'],
    databases: ['postgresql'],
    ipa_servers: ['dirsrv@*', 'krb5kdc', 'named', 'httpd', 'chronyd'],
    ipa_clients: ['sssd'],
  },
}

export const PLATFORMS: Platforms<Platform> = {
  'debian 12': debian,
  'debian 13': debian,
  'ubuntu 24.04': debian,
  'el 9': el,
  flatcar: { units: EVERYWHERE },
}

import type { NtpVars } from './vars.ts'

/** Where chrony keeps what it needs, on one operating system. */
export interface ChronyPaths {
  readonly chronyKeys: string
  readonly chronyDrift: string
}

/** What chrony.conf is made from. */
export interface ChronyOptions {
  readonly platform: ChronyPaths
  /** Networks that may ask. */
  readonly clients: readonly string[]
  readonly vars: Pick<NtpVars, 'ntp_pools' | 'ntp_servers' | 'ntp_local_stratum'>
}

/** chrony.conf(5), whole. */
export const chronyConf = ({ platform, clients, vars }: ChronyOptions): string =>
  [
    '# Managed by fmc',
    ...vars.ntp_servers.map(s => `server ${s} iburst`),
    ...vars.ntp_pools.map(p => `pool ${p} iburst`),
    ...clients.map(c => `allow ${c}`),
    `local stratum ${vars.ntp_local_stratum}`,
    'makestep 1.0 3',
    'maxupdateskew 100.0',
    'rtcsync',
    `keyfile ${platform.chronyKeys}`,
    `driftfile ${platform.chronyDrift}`,
    'ntsdumpdir /var/lib/chrony',
    'logdir /var/log/chrony',
    '',
  ].join('\n')

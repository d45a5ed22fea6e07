import type { HbaRule, Vars } from './vars.ts'

const MANAGED = '# Managed by fmc. Changes made here are undone by its next run.'

/** postgresql.conf's quoting: '' and \\ inside single quotes (PostgreSQL: Setting Parameters). */
const quoted = (value: string | number | boolean): string =>
  typeof value === 'number'
    ? String(value)
    : typeof value === 'boolean'
      ? value
        ? 'on'
        : 'off'
      : `'${value.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`

/** What conf.d/fmc.conf is made from. */
export interface ServerConf {
  readonly port: number
  /** Addresses besides loopback. */
  readonly listen: readonly string[]
  readonly timezone: string
  readonly hbaFile: string
  /** Key and certificate in one file, so that they are replaced in one step. */
  readonly pemFile: string
  readonly memoryMb: number | undefined
  readonly settings: Vars['postgresql_settings']
}

/** conf.d/fmc.conf. A quarter of the memory for shared_buffers, half for effective_cache_size (PostgreSQL: Resource Consumption). */
export function serverConf(o: ServerConf): string {
  const memory =
    o.memoryMb === undefined
      ? {}
      : {
          shared_buffers: `${Math.max(32, Math.floor(o.memoryMb / 4))}MB`,
          effective_cache_size: `${Math.floor(o.memoryMb / 2)}MB`,
        }
  const settings: Record<string, string | number | boolean> = {
    listen_addresses: ['127.0.0.1', ...o.listen].join(','),
    port: o.port,
    hba_file: o.hbaFile,
    password_encryption: 'scram-sha-256',
    ssl: true,
    ssl_cert_file: o.pemFile,
    ssl_key_file: o.pemFile,
    ssl_min_protocol_version: 'TLSv1.2',
    timezone: o.timezone,
    log_timezone: o.timezone,
    ...memory,
    ...o.settings,
  }
  return [
    MANAGED,
    ...Object.entries(settings).map(([key, value]) => `${key} = ${quoted(value)}`),
    '',
  ].join('\n')
}

/** postgresql.auto.conf, empty: what ALTER SYSTEM writes there would override every other file. */
export const autoConf = `${MANAGED}\n# ALTER SYSTEM writes here; lasting settings belong into postgresql_settings.\n`

const KEYWORDS = new Set(['all', 'sameuser', 'samerole', 'replication'])
const nameList = (names: string | readonly string[]): string =>
  [names]
    .flat()
    .map(n => (KEYWORDS.has(n) ? n : `"${n}"`))
    .join(',')

/** pg_hba.conf: the first match wins, and what matches nothing is refused. `range` gives the address range of a rule's address. */
export function hbaFile(rules: readonly HbaRule[], range: (address: string) => string): string {
  const lines = rules.map(r => [
    r.type,
    nameList(r.database),
    nameList(r.user),
    ...(r.address === undefined ? [] : [range(r.address)]),
    r.method,
  ])
  return [
    MANAGED,
    '# For administration and backups on the host itself.',
    'local all postgres peer',
    '# fmc logs in here as each role after changes.',
    'hostssl all all 127.0.0.1/32 scram-sha-256',
    '# postgresql_hba. There is no plain "host": connections without TLS match nothing.',
    ...lines.map(l => l.join(' ')),
    '',
  ].join('\n')
}

/** Debian's createcluster.conf: the package must not make a cluster with the session's locale. */
export const createClusterConf = `${MANAGED}\n# The cluster is made once, by fmc.\ncreate_main_cluster = false\n`

/** Drop-in: a server that started before the network would go on listening on loopback only. */
export const networkDropIn = `${MANAGED}\n[Unit]\nWants=network-online.target\nAfter=network-online.target\n`

/** The unit that runs the dump script as postgres. */
export const backupService = (script: string, dir: string): string => `${MANAGED}
[Unit]
Description=Dump all PostgreSQL databases to ${dir}
RequiresMountsFor=${dir}

[Service]
Type=oneshot
User=postgres
Group=postgres
ExecStart=${script}
Nice=10
IOSchedulingClass=idle
TimeoutStartSec=6h
NoNewPrivileges=yes
PrivateTmp=yes
ProtectHome=yes
ProtectSystem=strict
ReadWritePaths=${dir}
`

/** The timer that starts it, in the inventory's time zone. */
export const backupTimer = (schedule: string, timezone: string): string => `${MANAGED}
[Unit]
Description=Dump all PostgreSQL databases nightly

[Timer]
OnCalendar=${schedule} ${timezone}
Persistent=yes
AccuracySec=1min

[Install]
WantedBy=timers.target
`

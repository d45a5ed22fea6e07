import { Secret, z } from '../../lib/index.ts'

/** At most 63 bytes, the length that PostgreSQL keeps, of characters that need no quoting in files and shells. */
const name = z
  .string()
  .regex(
    /^[A-Za-z_][A-Za-z0-9_.-]{0,62}$/,
    'a name: a letter or _, then at most 62 letters, digits, _ . -',
  )
const names = z.union([name, z.array(name).min(1)])
const absolute = z
  .string()
  .regex(/^(\/[A-Za-z0-9_][A-Za-z0-9_.-]*)+$/, 'an absolute path of letters, digits, _ . -')

const ROLE_OPTIONS = [
  'superuser',
  'createdb',
  'createrole',
  'replication',
  'bypassrls',
  'nologin',
  'noinherit',
] as const

/** Settings that the role or another variable decides. */
const RESERVED = new Set([
  'config_file',
  'data_directory',
  'external_pid_file',
  'hba_file',
  'ident_file',
  'include',
  'include_dir',
  'include_if_exists',
  'listen_addresses',
  'log_timezone',
  'password_encryption',
  'port',
  'ssl',
  'ssl_cert_file',
  'ssl_key_file',
  'ssl_min_protocol_version',
  'timezone',
])

const role = z.strictObject({
  name: name.refine(
    n => n !== 'postgres' && !n.startsWith('pg_'),
    'postgres and pg_… belong to PostgreSQL itself',
  ),
  password: z.instanceof(Secret).optional(),
  options: z.array(z.enum(ROLE_OPTIONS)).optional(),
  connection_limit: z.int().min(-1).optional(),
  valid_until: z
    .union([z.literal('infinity'), z.iso.date(), z.iso.datetime({ offset: true })], {
      error:
        'infinity, a date such as 2027-01-31 (its first moment in UTC), or 2027-01-31T12:00:00+01:00',
    })
    .optional(),
})

const database = z.strictObject({
  name: name.refine(
    n => !['postgres', 'template0', 'template1'].includes(n),
    'this database belongs to PostgreSQL itself',
  ),
  owner: name,
})

const hba = z
  .strictObject({
    type: z.enum(['hostssl', 'local']).default('hostssl'),
    database: names,
    user: names,
    address: z.string().optional(),
    method: z.enum(['scram-sha-256', 'cert', 'peer', 'reject']).default('scram-sha-256'),
  })
  .refine(
    r => (r.type === 'local') === (r.address === undefined),
    'hostssl needs an address, local must have none',
  )
  .refine(
    r => r.method !== (r.type === 'local' ? 'cert' : 'peer'),
    'peer is for local, cert for hostssl',
  )

const nfs = z.strictObject({
  source: z
    .string()
    .regex(
      /^[A-Za-z0-9.-]+:(\/[A-Za-z0-9_.-]+)+$/,
      'server:/path, such as storage1:/srv/nfs/postgresql',
    ),
  options: z
    .string()
    .regex(/^[A-Za-z0-9_.=,:-]+$/)
    .default('nfsvers=4.2,hard,proto=tcp,timeo=600,noatime,nosuid,nodev,noexec'),
})

const dataNfs = nfs.refine(
  ({ options }) =>
    [/(^|,)hard(,|$)/, /(^|,)(nfs)?vers=/].every(must => must.test(options)) &&
    !/(^|,)soft/.test(options),
  {
    error:
      'a database needs a hard mount of a named version (hard,nfsvers=4.2): with a soft one, a late answer loses data',
    path: ['options'],
  },
)

export const vars = z.object({
  postgresql_version: z
    .int()
    .min(13)
    .max(18)
    .optional()
    .describe(
      'Major version; default: 15 on Debian 12, AlmaLinux 9 and Rocky Linux 9, 16 on Ubuntu 24.04, 17 on Debian 13. A cluster of another version on the host is an error: fmc does not upgrade data',
    ),
  postgresql_port: z
    .int()
    .min(1)
    .max(65535)
    .default(5432)
    .describe('TCP port; a change restarts PostgreSQL'),
  postgresql_listen: z
    .array(z.string())
    .optional()
    .describe('Networks of the inventory to listen in, besides loopback. Default: all of the host'),
  postgresql_settings: z
    .record(
      z.string().regex(/^[a-z_][a-z0-9_.]*$/),
      z.union([z.string().regex(/^[^\n\r\0]*$/, 'one line'), z.number(), z.boolean()]),
    )
    .refine(
      s => !Object.keys(s).some(k => RESERVED.has(k)),
      `set by other variables or by the role: ${[...RESERVED].join(', ')}`,
    )
    .default({})
    .describe(
      "Server settings for conf.d/fmc.conf, over the role's own (memory by the host's size). Reload, or restart where PostgreSQL needs one",
    ),
  postgresql_roles: z
    .array(role)
    .default([])
    .describe(
      `Login roles: name, password (!secret), options (${ROLE_OPTIONS.join(', ')}), connection_limit. Roles not named here are left alone`,
    ),
  postgresql_databases: z
    .array(database)
    .default([])
    .describe('Databases: name, owner (one of postgresql_roles, or postgres). Never dropped'),
  postgresql_hba: z
    .array(hba)
    .default([])
    .describe(
      'Who may connect: type (hostssl, local), database, user, address (a network or host of the inventory, or a range), method. All other connections are refused',
    ),
  postgresql_tls_certificate: z
    .string()
    .includes('BEGIN CERTIFICATE')
    .optional()
    .describe('PEM certificate chain. Default: a self-signed one, made once on the host'),
  postgresql_tls_key: z
    .instanceof(Secret)
    .optional()
    .describe('PEM private key of postgresql_tls_certificate'),
  postgresql_data_nfs: dataNfs
    .nullable()
    .default(null)
    .describe(
      "NFS share for the data itself, mounted where the host keeps its clusters: source (server:/path), options (hard, nfsvers=…); null: the host's own disk. Export it `sync` and with `squash: all` to an owner with the id postgresql_uid and mode 0700 (EL's package sets that), and keep nothing else in it",
    ),
  postgresql_uid: z
    .int()
    .min(1)
    .max(
      999,
      "a system user's id: logind removes the shared memory of other users with their last session",
    )
    .default(543)
    .describe(
      'With postgresql_data_nfs: uid and gid of postgres (at most 999), the same on every host that ever serves this data',
    ),
  postgresql_backup_dir: absolute
    .default('/srv/backup/postgresql')
    .describe('Where dumps are kept; the mount point when postgresql_backup_nfs is set'),
  postgresql_backup_nfs: nfs
    .nullable()
    .default(null)
    .describe(
      'NFS share for the dumps: source (server:/path), options; null: a local directory. Without the mount no dump is written',
    ),
  postgresql_backup_schedule: z
    .string()
    .regex(/^[\w*:,./ ~-]+$/)
    .default('*-*-* 02:30:00')
    .describe("When to dump, in the inventory's time zone (systemd.time(7))"),
  postgresql_backup_retention_days: z
    .int()
    .min(1)
    .default(14)
    .describe('Dumps older than this are deleted after a dump that succeeded'),
})

export type Vars = z.output<typeof vars>
export type RoleSpec = Vars['postgresql_roles'][number]
export type DatabaseSpec = Vars['postgresql_databases'][number]
export type HbaRule = Vars['postgresql_hba'][number]

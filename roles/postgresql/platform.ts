import type { Platforms } from '../../lib/index.ts'

/** Where PostgreSQL lives on an operating system. All paths absolute. */
export interface Platform {
  readonly packages: readonly string[]
  /** Module stream that holds the wanted version (dnf). */
  readonly stream: string | undefined
  /** Where Debian's package is told that it shall make no cluster of its own. */
  readonly createClusterConf: string | undefined
  /** For mounting the backup share. */
  readonly nfsPackages: readonly string[]
  /** initdb, pg_ctl, pg_dump, pg_restore, postgres, psql. */
  readonly bin: string
  /** Home of the user postgres, where its clusters are: what a share with the data is mounted at. */
  readonly home: string
  readonly data: string
  /** Holds postgresql.conf, pg_hba.conf and conf.d. */
  readonly conf: string
  readonly unit: string
  readonly tls: string
  /** A firewall that lets nothing in unless it is told to. */
  readonly firewalld: boolean
  /** Shell glob of every cluster's PG_VERSION that may be on the host. */
  readonly versions: string
  /** Shell text that makes the empty cluster, and never starts it. Runs as postgres. */
  readonly initdb: string
  /** Shell text that gives a cluster the configuration that it has outside of its data. Runs as postgres. */
  readonly adopt: string | undefined
}

/** Not synced file by file, which takes a minute over NFS: what makes the cluster syncs once, before it takes its mark away. */
const INITDB = '--no-sync --data-checksums --auth-local=peer --auth-host=scram-sha-256'

const debian = (version: number, port: number): Platform => {
  const conf = `/etc/postgresql/${version}/main`
  return {
    stream: undefined,
    createClusterConf: '/etc/postgresql-common/createcluster.conf',
    packages: [`postgresql-${version}`, 'openssl', 'tzdata'],
    nfsPackages: ['nfs-common'],
    bin: `/usr/lib/postgresql/${version}/bin`,
    home: '/var/lib/postgresql',
    data: `/var/lib/postgresql/${version}/main`,
    conf,
    unit: `postgresql@${version}-main.service`,
    tls: '/etc/postgresql/tls',
    firewalld: false,
    versions: '/var/lib/postgresql/*/main/PG_VERSION',
    // pg_createcluster(1). A locale of its own: by the session's LC_ALL=C the encoding would be SQL_ASCII.
    initdb: `pg_createcluster ${version} main --locale=C.UTF-8 --encoding=UTF8 --port=${port} -- ${INITDB}`,
    // Not by pg_createcluster, which deletes the data of a cluster that it fails to configure.
    adopt: `mkdir -p ${conf}
printf '%s\\n' auto >${conf}/start.conf
: >${conf}/pg_ident.conf; : >${conf}/pg_hba.conf
{ cat /usr/share/postgresql/${version}/postgresql.conf.sample
printf "%s = '%s'\\n" data_directory /var/lib/postgresql/${version}/main ident_file ${conf}/pg_ident.conf unix_socket_directories /var/run/postgresql; } >${conf}/new
mv -fT ${conf}/new ${conf}/postgresql.conf`,
  }
}

/** The distribution's module stream (Red Hat: dnf module postgresql). Not tried on a real EL host. */
const el = (version: number): Platform => ({
  stream: `postgresql:${version}`,
  createClusterConf: undefined,
  packages: ['postgresql-server', 'openssl', 'tzdata'],
  nfsPackages: ['nfs-utils'],
  bin: '/usr/bin',
  home: '/var/lib/pgsql',
  data: '/var/lib/pgsql/data',
  conf: '/var/lib/pgsql/data',
  unit: 'postgresql.service',
  tls: '/var/lib/pgsql/tls',
  firewalld: true,
  versions: '/var/lib/pgsql/data/PG_VERSION /var/lib/pgsql/*/data/PG_VERSION',
  // Not by postgresql-setup, which works as root in postgres's directory.
  initdb: `/usr/bin/initdb --locale=C.UTF-8 --encoding=UTF8 ${INITDB} -D /var/lib/pgsql/data`,
  adopt: undefined,
})

/** PostgreSQL of a major version that listens on a port. */
export type PlatformFor = (version: number, port: number) => Platform

export const PLATFORMS: Platforms<PlatformFor> = { debian, el }

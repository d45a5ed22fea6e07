import type { Platforms } from '../../lib/index.ts'

/** Where PostgreSQL lives on an operating system. All paths absolute. */
export interface Platform {
  /** Major version. */
  readonly version: number
  readonly packages: readonly string[]
  /** Module stream that holds the wanted version (dnf). */
  readonly stream: string | undefined
  /** Debian's configuration file that keeps the package from making a cluster. */
  readonly createClusterConf: string | undefined
  /** For mounting a share. */
  readonly nfsPackages: readonly string[]
  /** Directory of initdb, pg_ctl, pg_dump, pg_restore, postgres and psql. */
  readonly bin: string
  /** Home of the user postgres, which holds its clusters: a share with the data is mounted here. */
  readonly home: string
  readonly data: string
  /** Holds postgresql.conf, pg_hba.conf and conf.d. */
  readonly conf: string
  readonly unit: string
  /** Directory of the server's key and certificate. */
  readonly tls: string
  /** The system may run firewalld, which closes every port that is not opened in it. */
  readonly firewalld: boolean
  /** Shell globs that match PG_VERSION of every cluster on the host. */
  readonly versions: string
  /** Shell text that creates the empty cluster and does not start it. Runs as postgres. */
  readonly initdb: string
  /** Shell text that makes the configuration for existing data, where it is kept outside the data. Runs as postgres. */
  readonly adopt: string | undefined
}

/** --no-sync: syncing file by file takes a minute over NFS. The script that creates the cluster syncs once instead. */
const INITDB = '--no-sync --data-checksums --auth-local=peer --auth-host=scram-sha-256'

const debian = (version: number, port: number): Platform => {
  const conf = `/etc/postgresql/${version}/main`
  return {
    version,
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
    // pg_createcluster(1). With the session's LC_ALL=C and no locale here the encoding would be SQL_ASCII.
    initdb: `pg_createcluster ${version} main --locale=C.UTF-8 --encoding=UTF8 --port=${port} -- ${INITDB}`,
    // Not pg_createcluster: it deletes the data of a cluster that it fails to configure.
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
  version,
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
  // Not postgresql-setup: it works as root in a directory that postgres owns.
  initdb: `/usr/bin/initdb --locale=C.UTF-8 --encoding=UTF8 ${INITDB} -D /var/lib/pgsql/data`,
  adopt: undefined,
})

/** The paths and commands for a major version, by default the one that the system has, that listens on a port. */
export type PlatformFor = (version: number | undefined, port: number) => Platform

export const PLATFORMS: Platforms<PlatformFor> = {
  'debian 12': (version = 15, port) => debian(version, port),
  'debian 13': (version = 17, port) => debian(version, port),
  'ubuntu 24.04': (version = 16, port) => debian(version, port),
  'el 9': (version = 15) => el(version),
}

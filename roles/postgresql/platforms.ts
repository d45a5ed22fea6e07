import { TaskError, type Host, type Inventory } from '../../lib/index.ts'

/** Where PostgreSQL lives on an operating system. All paths absolute. */
export interface Platform {
  readonly packages: readonly string[]
  /** Module stream that holds the wanted version (dnf). */
  readonly stream: string | undefined
  /** For mounting the backup share. */
  readonly nfsPackages: readonly string[]
  /** initdb, pg_ctl, pg_dump, pg_restore, postgres, psql. */
  readonly bin: string
  readonly data: string
  /** Holds postgresql.conf, pg_hba.conf and conf.d. */
  readonly conf: string
  readonly unit: string
  readonly tls: string
  /** Shell glob of every cluster's PG_VERSION that may be on the host. */
  readonly versions: string
  /** Shell text that makes the empty cluster, and never starts it. */
  readonly initdb: string
}

const INITDB = '--data-checksums --auth-local=peer --auth-host=scram-sha-256'

const debian = (version: number, port: number): Platform => {
  const conf = `/etc/postgresql/${version}/main`
  return {
    stream: undefined,
    packages: [`postgresql-${version}`, 'openssl', 'tzdata'],
    nfsPackages: ['nfs-common'],
    bin: `/usr/lib/postgresql/${version}/bin`,
    data: `/var/lib/postgresql/${version}/main`,
    conf,
    unit: `postgresql@${version}-main.service`,
    tls: '/etc/postgresql/tls',
    versions: '/var/lib/postgresql/*/main/PG_VERSION',
    // pg_createcluster(1). A locale of its own: by the session's LC_ALL=C the encoding would be SQL_ASCII.
    initdb: `pg_createcluster ${version} main --locale=C.UTF-8 --encoding=UTF8 --port=${port} -- ${INITDB}`,
  }
}

/** The distribution's module stream (Red Hat: dnf module postgresql, postgresql-setup(1)). Not tried on a real EL host. */
const el = (version: number): Platform => ({
  stream: `postgresql:${version}`,
  packages: ['postgresql-server', 'openssl', 'tzdata'],
  nfsPackages: ['nfs-utils'],
  bin: '/usr/bin',
  data: '/var/lib/pgsql/data',
  conf: '/var/lib/pgsql/data',
  unit: 'postgresql.service',
  tls: '/var/lib/pgsql/tls',
  versions: '/var/lib/pgsql/data/PG_VERSION /var/lib/pgsql/*/data/PG_VERSION',
  initdb: `PGSETUP_INITDB_OPTIONS='--locale=C.UTF-8 --encoding=UTF8 ${INITDB}' postgresql-setup --initdb`,
})

/** Throws TaskError where PostgreSQL cannot be managed. */
export function platformOf(host: Host, version: number, port: number): Platform {
  if (host.os.family === 'debian') return debian(version, port)
  if (host.os.family === 'el') return el(version)
  throw new TaskError(`the role postgresql does not know ${host.os.name}`, {
    hint: 'it runs on Debian and AlmaLinux or Rocky Linux',
  })
}

/** `server:/path` with the server's address when it is a host of the inventory: a mount at boot then needs no DNS. */
export function nfsSource(source: string, { hosts }: Inventory): string {
  const cut = source.indexOf(':/')
  const server = hosts.get(source.slice(0, cut))
  return server ? `${server.nics[0]?.address ?? server.address}${source.slice(cut)}` : source
}

/** A network's or a host's addresses as pg_hba.conf wants them. Throws TaskError for what is neither, nor an address range. */
export function addressRange(address: string, { networks, hosts }: Inventory): string {
  const network = networks.get(address)
  if (network) return network.cidr
  const host = hosts.get(address)
  if (host) return `${host.nics[0]?.address ?? host.address}/32`
  if (/^[0-9a-fA-F:.]+\/\d{1,3}$/.test(address)) return address
  throw new TaskError(
    `postgresql_hba: ${JSON.stringify(address)} is no network or host of the inventory and no range such as 10.17.4.0/24`,
  )
}

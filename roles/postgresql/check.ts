import type { Platform } from './platform.ts'

/** What would be ruinous or pointless in the throw-away server: anything that reaches outside its directory, or takes memory. */
const HARMLESS: Readonly<Record<string, string>> = {
  listen_addresses: '',
  unix_socket_permissions: '0700',
  external_pid_file: '',
  logging_collector: 'off',
  log_destination: 'stderr',
  archive_mode: 'off',
  autovacuum: 'off',
  shared_buffers: '1MB',
  huge_pages: 'off',
  fsync: 'off',
}

/**
 * Part of the script on the host: succeeds if PostgreSQL would start with the file $2 in the place of conf.d/fmc.conf
 * (check-conf) or pg_hba.conf (check-hba). First `postgres -C` reads the whole configuration with it (names, values,
 * ranges). `postgres -C` ignores pg_hba.conf and certificates, so then a throw-away server really starts with both: an
 * empty cluster in /run, on a socket of its own, without network, as postgres. The running server is not touched.
 */
export function checkCommand(p: Platform): string {
  const as = 'runuser -u postgres --'
  const options = Object.entries(HARMLESS)
    .map(([k, v]) => `-c ${k}=${v === '' ? "''" : v}`)
    .join(' ')
  return `t=$(mktemp -d /run/fmc-postgresql.XXXXXX)
trap '[ ! -e "$t/data/postmaster.pid" ] || ${as} ${p.bin}/pg_ctl -s -D "$t/data" -m immediate stop || :; rm -rf -- "$t"' EXIT
mkdir "$t/conf.d"
for f in ${p.conf}/conf.d/*.conf; do [ ! -f "$f" ] || cp -- "$f" "$t/conf.d/"; done
cp -- ${p.conf}/postgresql.conf "$t/postgresql.conf"
case $1 in
  check-conf)
    cp -- "$2" "$t/conf.d/fmc.conf"
    echo 'local all all peer' >"$t/pg_hba.conf"
    ;;
  check-hba) cp -- "$2" "$t/pg_hba.conf" ;;
esac
chown -R postgres: "$t"
cd "$t"
${as} ${p.bin}/postgres -D ${p.data} -c config_file="$t/postgresql.conf" -C port >/dev/null
${as} ${p.bin}/initdb -N --wal-segsize=1 --auth=peer -D "$t/data" >/dev/null
${as} ${p.bin}/pg_ctl -s -w -t 30 -D "$t/data" -l "$t/log" -o "-c config_file=$t/postgresql.conf -c data_directory=$t/data -c hba_file=$t/pg_hba.conf -c unix_socket_directories=$t ${options}" start >&2 || {
  cat "$t/log" >&2
  exit 1
}`
}

/** Shell text that succeeds if a PEM file holds a certificate and its own private key. */
export const pemCheck = (file: string): string =>
  `c=$(openssl x509 -noout -pubkey -in ${file}) && k=$(openssl pkey -pubout -in ${file}) && { [ "$c" = "$k" ] || { echo 'the private key is not the certificate'"'"'s' >&2; false; }; }`

import { asUser } from '../../lib/index.ts'
import type { Platform } from './platform.ts'

/** Settings that keep the throw-away server inside its directory and small. */
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
 * Part of the script on the host: succeeds if PostgreSQL would start with the file $2 in place of conf.d/fmc.conf
 * (check-conf) or pg_hba.conf (check-hba). First `postgres -C` reads the whole configuration (names, values, ranges).
 * It ignores pg_hba.conf and certificates, so a throw-away server then starts with both: an empty cluster in /run, on
 * its own socket, without network. The running server is not touched. All of this runs as postgres, which owns the
 * configuration: root would follow a link that postgres put there, and print the file behind it.
 */
export function checkCommand(p: Platform): string {
  const options = Object.entries(HARMLESS)
    .map(([k, v]) => `-c ${k}=${v === '' ? "''" : v}`)
    .join(' ')
  // May fail: pg_ctl, when that server has ended by itself.
  const check = `umask 077
t=$1
cd -- "$t"
trap '[ ! -e data/postmaster.pid ] || ${p.bin}/pg_ctl -s -D "$t/data" -m immediate stop || :' EXIT
mkdir conf.d
for f in ${p.conf}/conf.d/*.conf; do [ ! -f "$f" ] || cp -- "$f" conf.d/; done
cp -- ${p.conf}/postgresql.conf postgresql.conf
case $2 in
  check-conf)
    cat >conf.d/fmc.conf
    echo "local all all peer" >pg_hba.conf
    ;;
  check-hba) cat >pg_hba.conf ;;
esac
${p.bin}/postgres -D ${p.data} -c config_file="$t/postgresql.conf" -C port >/dev/null
${p.bin}/initdb -N --wal-segsize=1 --auth=peer -D "$t/data" >/dev/null
${p.bin}/pg_ctl -s -w -t 30 -D "$t/data" -l "$t/log" -o "-c config_file=$t/postgresql.conf -c data_directory=$t/data -c hba_file=$t/pg_hba.conf -c unix_socket_directories=$t ${options}" start >&2 || {
  cat "$t/log" >&2
  exit 1
}`
  return `t=$(mktemp -d /run/fmc-postgresql.XXXXXX)
trap 'rm -rf -- "$t"' EXIT
chown postgres: "$t"
timeout -k 5 120 ${asUser('postgres', check)} "$t" "$1" <"$2"`
}

/** Shell text that succeeds if a PEM file holds a certificate and its own private key. */
export const pemCheck = (file: string): string =>
  `c=$(openssl x509 -noout -pubkey -in ${file}) && k=$(openssl pkey -pubout -in ${file}) && { [ "$c" = "$k" ] || { echo 'the private key is not the certificate'"'"'s' >&2; false; }; }`

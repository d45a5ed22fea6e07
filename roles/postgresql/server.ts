import { asUser, probe, quote, secret, unitLog, type Check, Secret } from '../../lib/index.ts'
import type { Platform } from './platform.ts'
import { checkCommand } from './check.ts'
import { psql, query } from './sql.ts'

/** SQL that lists the errors in the configuration files. Both views read the files, not what the server has loaded. */
const fileErrors = (alsoRestart: boolean): string =>
  `select format('%s:%s: %s: %s', f.sourcefile, f.sourceline, f.name, f.error) from pg_file_settings f left join pg_settings s on lower(s.name) = lower(f.name) where f.error is not null${alsoRestart ? '' : " and coalesce(s.context, '') <> 'postmaster'"} union all select format('pg_hba.conf:%s: %s', line_number, error) from pg_hba_file_rules where error is not null`

const PENDING = "select string_agg(name, ', ' order by name) from pg_settings where pending_restart"

/**
 * Part of the script on the host: reload, then restart only if PostgreSQL says that a setting needs it. It refuses to
 * reload when a file has an error, because pg_reload_conf() would succeed and apply nothing.
 */
const reloadCommand = (p: Platform): string => `errors=$(sql ${quote(fileErrors(false))})
[ -z "$errors" ] || { printf 'not reloaded:\\n%s\\n' "$errors" >&2; exit 1; }
before=$(sql 'select pg_conf_load_time()')
systemctl reload -- ${quote(p.unit)}
n=0
while [ "$(sql 'select pg_conf_load_time()')" = "$before" ]; do
  n=$((n + 1))
  [ $n -le 100 ] || { echo 'PostgreSQL does not reload' >&2; exit 1; }
  sleep 0.1
done
pending=$(sql ${quote(PENDING)})
[ -n "$pending" ] || exit 0
echo "restarting for $pending"
systemctl restart -- ${quote(p.unit)} || { ${unitLog(p.unit)}; exit 1; }`

/** A role that can log in, and a database for it. */
export interface Login {
  readonly user: string
  readonly database: string
  readonly password: Secret
}

const escaped = (password: Secret): Secret =>
  new Secret(password.reveal().replaceAll('\\', '\\\\').replaceAll(':', '\\:'), password.name)

/** A line of a password file (PostgreSQL: The Password File): `\` and `:` are escaped. */
export const passLine = ({ user, password }: Login): Secret =>
  secret`*:*:*:${user}:${escaped(password)}\n`

/**
 * Part of the script on the host: logs in over TCP and TLS with the connection string $2. The password file comes on
 * standard input; it lies in /run meanwhile, beside ca.pem, the certificate from the file $3 (read as postgres, its owner).
 */
const loginCommand = (p: Platform): string => `umask 077
d=$(mktemp -d /run/fmc-postgresql.XXXXXX)
trap 'rm -rf -- "$d"' EXIT
cd -- "$d"
cat >pass
[ -z "\${3:-}" ] || ${asUser('postgres', 'exec openssl x509 -in "$1"')} "$3" >ca.pem
[ "$(env -i PATH="$PATH" PGPASSFILE="$d/pass" ${p.bin}/psql -XAtqw -c 'select 1' "$2")" = 1 ]`

/**
 * The connection string with which a role logs in on the host itself. A self-signed certificate is verified against ca.pem.
 * Another program may listen in place of the server, and the server itself may ask for the password: with channel binding
 * required, libpq proves that it knows the password (SCRAM) to the holder of the certificate's key, and never sends it.
 */
export const connection = (
  server: { readonly port: number; readonly host: string; readonly selfSigned: boolean },
  { user, database }: Login,
): string =>
  `host=${server.host} hostaddr=127.0.0.1 port=${server.port} user=${user} dbname=${database} connect_timeout=10 channel_binding=require ${server.selfSigned ? 'sslmode=verify-full sslrootcert=ca.pem' : 'sslmode=require'}`

/** Path of the script below on the host. */
export const SCRIPT = '/usr/local/libexec/fmc-postgresql'

/** The script that the role's validations and handlers run; people may run it, too. */
export const hostScript = (p: Platform): string => `#!/bin/sh
# Managed by fmc. Changes made here are undone by its next run.
# fmc-postgresql check-conf FILE | check-hba FILE | reload | login CONNECTION [CERTIFICATE] <password-file
set -eu
export LC_ALL=C
sql() {
  ${psql(p)} -c "$1"
}
case \${1:-} in
  check-conf | check-hba) ;;
  reload)
${indent(reloadCommand(p))}
    exit 0
    ;;
  login)
${indent(loginCommand(p))}
    exit 0
    ;;
  *) sed -n 3p "$0" >&2; exit 64 ;;
esac
${checkCommand(p)}
`

const indent = (text: string): string =>
  text
    .split('\n')
    .map(line => `    ${line}`)
    .join('\n')

/** SQL that lists what is wrong with the running server, one problem a row. */
const PROBLEMS = `${fileErrors(true)} union all select name || ' waits for a restart' from pg_settings where pending_restart union all select 'ssl is off' from pg_settings where name = 'ssl' and setting <> 'on' union all select 'it is in recovery' where pg_is_in_recovery()`

/** Check: the server accepts connections on loopback. On other addresses pg_hba.conf may have no rule, and each try would log a FATAL. */
export const accepts =
  (p: Platform, port: number): Check =>
  async () => {
    const ready = await probe`${p.bin}/pg_isready -t 5 -h 127.0.0.1 -p ${port}`
    return ready.ok || ready.stdout.trim() || `127.0.0.1:${port} does not answer`
  }

/** Check: the server has loaded its files without errors, no setting waits for a restart, TLS is on. */
export const loaded =
  (p: Platform): Check =>
  async () => {
    const problems = await probe`eval ${query(p, PROBLEMS)}`
    if (!problems.ok)
      return `PostgreSQL does not answer: ${problems.stderr.trim() || `psql ended with ${problems.exitCode}`}`
    return problems.stdout.trim() || true
  }

/**
 * Shell text that succeeds if the server at the address $1 proves over TLS that it has the key of the certificates in the file $2, and
 * sends them all: the server's own, and those between it and the authority (fullchain). Whether clients trust that authority is not
 * asked. Runs as postgres, which may read the file.
 */
export const SERVES_FILE = `pem() { sed -n '/^-----BEGIN CERTIFICATE-----/,/^-----END CERTIFICATE-----/p' | tr -d ' \\r\\n'; }
openssl x509 -noout -checkend 0 -in "$2" >/dev/null || { echo 'the certificate has expired' >&2; exit 1; }
out=$(openssl s_client -starttls postgres -connect "$1" -showcerts </dev/null 2>&1) || { printf '%s\\n' "$out" | grep -i error | tail -n 1 >&2; exit 1; }
want=$(pem <"$2")
case $(printf '%s\\n' "$out" | pem) in
  "$want"*) ;;
  *) echo 'the server shows another certificate than the one in its file' >&2; exit 1 ;;
esac`

/** Check: on each address, a TLS client gets the certificates in the server's file. */
export const speaksTls =
  (addresses: readonly string[], port: number, pem: string): Check =>
  async () => {
    for (const address of addresses) {
      const shown =
        await probe`timeout 10 sh -c ${asUser('postgres', SERVES_FILE, `${address}:${port}`, pem)}`
      if (!shown.ok)
        return `no TLS on ${address}:${port}: ${(shown.stderr + shown.stdout).trim().split('\n').at(-1) ?? ''}`
    }
    return true
  }

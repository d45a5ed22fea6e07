import { probe, quote, secret, type Check, type Secret } from '../../lib/index.ts'
import type { Platform } from './platforms.ts'
import { query } from './sql.ts'

/** Errors in the files as they are now; both views read the files and not what is loaded. */
const fileErrors = (alsoRestart: boolean): string =>
  `select format('%s:%s: %s: %s', f.sourcefile, f.sourceline, f.name, f.error) from pg_file_settings f left join pg_settings s on lower(s.name) = lower(f.name) where f.error is not null${alsoRestart ? '' : " and coalesce(s.context, '') <> 'postmaster'"} union all select format('pg_hba.conf:%s: %s', line_number, error) from pg_hba_file_rules where error is not null`

const PENDING = "select string_agg(name, ', ' order by name) from pg_settings where pending_restart"

/**
 * Shell text: reload, and restart only if PostgreSQL itself then says that a setting waits for one. It refuses before
 * the reload when a file has an error (pg_reload_conf() would say yes and apply nothing).
 */
export const reloadScript = (p: Platform): string => `set -eu
errors=$(${query(p, fileErrors(false))})
[ -z "$errors" ] || { printf 'not reloaded:\\n%s\\n' "$errors" >&2; exit 1; }
before=$(${query(p, 'select pg_conf_load_time()')})
systemctl reload -- ${quote(p.unit)}
n=0
while [ "$(${query(p, 'select pg_conf_load_time()')})" = "$before" ]; do
  n=$((n + 1)); [ $n -le 100 ] || { echo 'PostgreSQL does not reload' >&2; exit 1; }
  sleep 0.1
done
pending=$(${query(p, PENDING)})
[ -n "$pending" ] || exit 0
echo "restarting for $pending" >&2
systemctl restart -- ${quote(p.unit)} || { journalctl -q --no-pager -n 20 -o cat -u ${quote(p.unit)} >&2; exit 1; }`

export interface Login {
  readonly user: string
  readonly database: string
  readonly password: Secret
}

/** A line of a password file (PostgreSQL: The Password File): `\` and `:` are escaped. */
export const passLine = ({ user, password }: Login): Secret =>
  secret`*:*:*:${user}:${password.reveal().replaceAll('\\', '\\\\').replaceAll(':', '\\:')}\n`

/** Shell text that logs in over TCP and TLS with the password file on its standard input, which lies in /run meanwhile. */
export const loginScript = (
  p: Platform,
  o: {
    readonly port: number
    readonly pem: string
    readonly host: string
    readonly selfSigned: boolean
  },
  { user, database }: Login,
): string => {
  const tls = o.selfSigned ? `sslmode=verify-full sslrootcert=${o.pem}` : 'sslmode=require'
  return `set -eu; umask 077; f=$(mktemp /run/fmc-pgpass.XXXXXX); trap 'rm -f -- "$f"' EXIT; cat >"$f"
got=$(PGPASSFILE=$f ${p.bin}/psql -XAtqw -c 'select 1' ${quote(`host=${o.host} hostaddr=127.0.0.1 port=${o.port} user=${user} dbname=${database} connect_timeout=10 ${tls}`)})
[ "$got" = 1 ]`
}

/** What is wrong with the running server, one problem a line: files with errors, settings that wait for a restart, TLS off. */
const PROBLEMS = `${fileErrors(true)} union all select name || ' waits for a restart' from pg_settings where pending_restart union all select 'ssl is off' from pg_settings where name = 'ssl' and setting <> 'on' union all select 'it is in recovery' where pg_is_in_recovery()`

/** It accepts connections on every address, and has loaded its files whole. */
export const accepts =
  (p: Platform, addresses: readonly string[], port: number): Check =>
  async () => {
    for (const address of addresses) {
      const ready = await probe`${p.bin}/pg_isready -t 5 -h ${address} -p ${port}`
      if (!ready.ok) return ready.stdout.trim() || `${address}:${port} does not answer`
    }
    return true
  }

export const loaded =
  (p: Platform): Check =>
  async () => {
    const problems = await probe`eval ${query(p, PROBLEMS)}`
    if (!problems.ok)
      return `it does not answer: ${problems.stderr.trim() || `psql ended with ${problems.exitCode}`}`
    return problems.stdout.trim() || true
  }

/** TLS with our certificate is really spoken (not only switched on). */
export const speaksTls =
  (address: string, port: number, pem: string): Check =>
  async () => {
    const shown =
      await probe`timeout 10 openssl s_client -starttls postgres -connect ${`${address}:${port}`} -CAfile ${pem} -verify_return_error -brief </dev/null`
    return (
      shown.ok ||
      `no TLS on ${address}:${port}: ${(shown.stderr + shown.stdout).trim().split('\n').at(-1) ?? ''}`
    )
  }

import { ask, asUser, hostJson, quote, Secret, TaskError, z, type Facts } from '../../lib/index.ts'
import type { Platform } from './platform.ts'

/** A name as an SQL identifier. */
export const ident = (name: string): string => `"${name.replaceAll('"', '""')}"`
/** A text as an SQL string. */
export const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`

/**
 * Shell text that runs psql as postgres over the socket of the running server, whose pid file has port and directory
 * (lines 4 and 5). postgres reads that file: it could put a link in its place. libpq takes nothing from the environment,
 * which is a person's if a person runs the script. Append further arguments of psql.
 */
export const psql = (p: Platform): string =>
  `cd / && timeout 30 ${asUser(
    'postgres',
    `[ -r "$1" ]; pid=$1; shift
exec env -i PATH="$PATH" LC_ALL=C PGCONNECT_TIMEOUT=5 ${p.bin}/psql -XAtqw -U postgres -v ON_ERROR_STOP=1 -v VERBOSITY=terse -h "$(sed -n 5p "$pid")" -p "$(sed -n 4p "$pid")" -d postgres "$@"`,
    `${p.data}/postmaster.pid`,
  )}`

/** Shell text that prints a query's rows. For reading, without secrets. */
export const query = (p: Platform, sql: string): string => `${psql(p)} -c ${quote(sql)}`

/** Shell text that runs statements from standard input. The server does not log them, whatever its logging settings. */
export function statements(p: Platform, sql: string | Secret): string | Secret {
  const text = sql instanceof Secret ? sql.reveal() : sql
  const quiet =
    "set log_statement = 'none'; set log_min_duration_statement = -1; set log_min_error_statement = 'panic';"
  const script = `printf '%s\\n' ${quote(`${quiet}\n${text}`)} | ( ${psql(p)} )`
  return sql instanceof Secret ? new Secret(script, sql.name) : script
}

const STATE = `select json_build_object(
'roles', (select coalesce(json_agg(json_build_object('name', rolname, 'superuser', rolsuper, 'createdb', rolcreatedb, 'createrole', rolcreaterole,
'replication', rolreplication, 'bypassrls', rolbypassrls, 'login', rolcanlogin, 'inherit', rolinherit, 'limit', rolconnlimit, 'until', rolvaliduntil,
'salt', substring(rolpassword from '^SCRAM-SHA-256[$]([^$]*)[$]'), 'digest', encode(sha256(convert_to(rolpassword, 'UTF8')), 'hex'))), '[]') from pg_authid where rolname !~ '^pg_'),
'databases', (select json_agg(json_build_object('name', datname, 'owner', pg_get_userbyid(datdba))) from pg_database))`

const State = z.strictObject({
  roles: z.array(
    z.strictObject({
      name: z.string(),
      superuser: z.boolean(),
      createdb: z.boolean(),
      createrole: z.boolean(),
      replication: z.boolean(),
      bypassrls: z.boolean(),
      login: z.boolean(),
      inherit: z.boolean(),
      limit: z.int(),
      until: z.string().nullable(),
      salt: z.string().nullable(),
      digest: z.string().nullable(),
    }),
  ),
  databases: z.array(
    z.strictObject({
      name: z.string(),
      owner: z.string(),
    }),
  ),
})
export type State = z.output<typeof State>
export type RoleState = State['roles'][number]
export type DatabaseState = State['databases'][number]

/** Asks for all roles and databases. Of passwords only a salt and a digest leave the host. */
export const stateQuestion = (p: Platform) =>
  ask('command', query(p, STATE.replaceAll('\n', ' ')), { code: 1, stdout: '', stderr: '' })

/** `new`: this run creates the cluster. `starting`: the server was down, this run starts it. `running`: it must answer. */
export type ServerState = 'new' | 'starting' | 'running'

/**
 * Roles and databases; undefined while the server starts, when they cannot be read yet. Throws TaskError when a running
 * server does not answer.
 */
export function readState(fact: Facts['command'], server: ServerState): State | undefined {
  if (fact.code === 0) return hostJson('PostgreSQL', 'its roles and databases', fact.stdout, State)
  if (server === 'new') return { roles: [], databases: [] }
  if (server === 'starting') return undefined
  throw new TaskError(
    `PostgreSQL does not answer: ${fact.stderr.trim().split('\n').at(-1) || `psql ended with ${fact.code}`}`,
  )
}

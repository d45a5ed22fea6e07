import { resource, Secret, secret, type Common, type PlannedChange } from '../../lib/index.ts'
import type { Platform } from './platform.ts'
import { matches, verifier } from './scram.ts'
import {
  ident,
  readState,
  stateQuestion,
  statements,
  type DatabaseState,
  type RoleState,
  type ServerState,
} from './sql.ts'
import type { DatabaseSpec, RoleSpec } from './vars.ts'

interface OnServer extends Common {
  readonly platform: Platform
  readonly server: ServerState
}

const FLAGS = [
  'superuser',
  'createdb',
  'createrole',
  'replication',
  'bypassrls',
  'login',
  'inherit',
] as const

const wants = (spec: RoleSpec, flag: (typeof FLAGS)[number]): boolean =>
  flag === 'login'
    ? !(spec.options ?? []).includes('nologin')
    : flag === 'inherit'
      ? !(spec.options ?? []).includes('noinherit')
      : (spec.options ?? []).includes(flag)

/** One difference from the declaration: in words, and as the clause of ALTER ROLE that removes it. */
interface Difference {
  readonly what: string
  readonly sql: string | Secret
}

const withoutPassword = (spec: RoleSpec, now: RoleState): Difference[] => [
  ...(spec.options === undefined ? [] : FLAGS.filter(f => now[f] !== wants(spec, f))).map(f => ({
    what: `${f} ${onOff(now[f])} → ${onOff(!now[f])}`,
    sql: `${now[f] ? 'NO' : ''}${f.toUpperCase()}`,
  })),
  ...(spec.connection_limit === undefined || now.limit === spec.connection_limit
    ? []
    : [
        {
          what: `connection limit ${now.limit} → ${spec.connection_limit}`,
          sql: limitSql(spec.connection_limit),
        },
      ]),
  ...(spec.valid_until === undefined || moment(now.until) === moment(spec.valid_until)
    ? []
    : [
        {
          what: `valid until ${now.until ?? 'infinity'} → ${spec.valid_until}`,
          sql: untilSql(spec.valid_until),
        },
      ]),
]

const limitSql = (limit: number): string => `CONNECTION LIMIT ${limit}`

/** A time in ms, or infinity: a role without an end is valid for ever. */
const moment = (until: string | null): number =>
  until === null || until === 'infinity' ? Infinity : Date.parse(until)

const untilSql = (until: string): string =>
  `VALID UNTIL '${moment(until) === Infinity ? 'infinity' : new Date(until).toISOString()}'`

const onOff = (on: boolean): string => (on ? 'on' : 'off')

/**
 * How a role differs from its declaration; [] = it does not. What is not declared (password, options, connection limit, end) is left
 * alone. Throws TaskError for a password that is not printable ASCII.
 */
export async function roleDifferences(
  spec: RoleSpec,
  now: RoleState,
): Promise<readonly Difference[]> {
  const { password } = spec
  const set = password && !(await matches(password, now)) ? passwordSql(password) : undefined
  return [
    ...withoutPassword(spec, now),
    ...(set === undefined ? [] : [{ what: 'password', sql: set }]),
  ]
}

const passwordSql = (password: Secret): Secret => secret`PASSWORD '${verifier(password)}'`

const join = (parts: readonly (string | Secret)[]): Secret =>
  parts.reduce<Secret>(
    (all, part) => secret`${all} ${part}`,
    new Secret('', parts.find(p => p instanceof Secret)?.name),
  )

/** CREATE ROLE with all that is declared in one statement, so that no role ever exists with half of it. Without options it may log in. */
export function createRole(spec: RoleSpec): Secret {
  const { connection_limit: limit, valid_until: until, password } = spec
  return secret`CREATE ROLE ${ident(spec.name)} WITH${join([
    ...FLAGS.map(f => `${wants(spec, f) ? '' : 'NO'}${f.toUpperCase()}`),
    ...(limit === undefined ? [] : [limitSql(limit)]),
    ...(until === undefined ? [] : [untilSql(until)]),
    ...(password === undefined ? [] : [passwordSql(password)]),
  ])};`
}

/** A role, as declared. The server receives a verifier, never the password. */
export const pgRole = resource({
  name: (o: OnServer & { readonly spec: RoleSpec }) => `role ${o.spec.name}`,
  needs: o => ({ state: stateQuestion(o.platform) }),
  async plan({ platform, server, spec }, { state }): Promise<PlannedChange[]> {
    const known = readState(state, server)
    if (!known) return []
    const now = known.roles.find(r => r.name === spec.name)
    if (!now) return [{ what: 'create', script: statements(platform, createRole(spec)) }]
    const found = await roleDifferences(spec, now)
    if (found.length === 0) return []
    return [
      {
        what: found.map(d => d.what).join(', '),
        script: statements(
          platform,
          secret`ALTER ROLE ${ident(spec.name)} WITH${join(found.map(d => d.sql))};`,
        ),
      },
    ]
  },
})

/** How a database differs from its declaration, its owner, with the statement that corrects it; [] = it does not. The rest is left alone. */
export function databaseDifferences(
  spec: DatabaseSpec,
  now: DatabaseState,
): readonly { readonly what: string; readonly sql: string }[] {
  if (now.owner === spec.owner) return []
  const sql = `ALTER DATABASE ${ident(spec.name)} OWNER TO ${ident(spec.owner)};`
  return [{ what: `owner ${now.owner} → ${spec.owner}`, sql }]
}

/** A database and its owner. It is never dropped or emptied. */
export const pgDatabase = resource({
  name: (o: OnServer & { readonly spec: DatabaseSpec }) => `database ${o.spec.name}`,
  needs: o => ({ state: stateQuestion(o.platform) }),
  plan({ platform, server, spec }, { state }): PlannedChange[] {
    const known = readState(state, server)
    if (!known) return []
    const now = known.databases.find(d => d.name === spec.name)
    if (!now)
      return [
        {
          what: `create, owner ${spec.owner}`,
          script: statements(
            platform,
            `CREATE DATABASE ${ident(spec.name)} OWNER ${ident(spec.owner)};`,
          ),
          timeoutMs: 600_000,
        },
      ]
    return databaseDifferences(spec, now).map(d => ({
      what: d.what,
      script: statements(platform, d.sql),
    }))
  },
})

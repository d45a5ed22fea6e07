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
    ? !spec.options.includes('nologin')
    : flag === 'inherit'
      ? !spec.options.includes('noinherit')
      : spec.options.includes(flag)

/** One difference from the declaration: in words, and as the clause of ALTER ROLE that removes it. */
interface Difference {
  readonly what: string
  readonly sql: string | Secret
}

const withoutPassword = (spec: RoleSpec, now: RoleState): Difference[] => [
  ...FLAGS.filter(f => now[f] !== wants(spec, f)).map(f => ({
    what: `${f} ${onOff(now[f])} → ${onOff(!now[f])}`,
    sql: `${now[f] ? 'NO' : ''}${f.toUpperCase()}`,
  })),
  ...(now.limit === spec.connection_limit
    ? []
    : [
        {
          what: `connection limit ${now.limit} → ${spec.connection_limit}`,
          sql: `CONNECTION LIMIT ${spec.connection_limit}`,
        },
      ]),
  ...(now.until === null || now.until === 'infinity'
    ? []
    : [{ what: `valid until ${now.until} → for ever`, sql: "VALID UNTIL 'infinity'" }]),
]

const onOff = (on: boolean): string => (on ? 'on' : 'off')

/**
 * How a role differs from its declaration; [] = it does not. A role without a declared password must have none. Throws
 * TaskError for a password that is not printable ASCII.
 */
export async function roleDifferences(
  spec: RoleSpec,
  now: RoleState,
): Promise<readonly Difference[]> {
  const same = spec.password ? await matches(spec.password, now) : now.digest === null
  return [
    ...withoutPassword(spec, now),
    ...(same ? [] : [{ what: 'password', sql: passwordSql(spec) }]),
  ]
}

const passwordSql = ({ password }: RoleSpec): string | Secret =>
  password ? secret`PASSWORD '${verifier(password)}'` : 'PASSWORD NULL'

const join = (parts: readonly (string | Secret)[]): Secret =>
  parts.reduce<Secret>(
    (all, part) => secret`${all} ${part}`,
    new Secret('', parts.find(p => p instanceof Secret)?.name),
  )

/** CREATE ROLE with all options in one statement, so that no role ever exists with half of them. */
export function createRole(spec: RoleSpec): Secret {
  const flags = FLAGS.map(f => `${wants(spec, f) ? '' : 'NO'}${f.toUpperCase()}`)
  return secret`CREATE ROLE ${ident(spec.name)} WITH${join([...flags, `CONNECTION LIMIT ${spec.connection_limit}`, passwordSql(spec)])};`
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

/** How a database differs from its declaration, with the statements that correct it; [] = it does not. */
export function databaseDifferences(
  spec: DatabaseSpec,
  now: DatabaseState,
): readonly { readonly what: string; readonly sql: string }[] {
  const alter = `ALTER DATABASE ${ident(spec.name)}`
  return [
    ...(now.owner === spec.owner
      ? []
      : [
          {
            what: `owner ${now.owner} → ${spec.owner}`,
            sql: `${alter} OWNER TO ${ident(spec.owner)};`,
          },
        ]),
    ...(now.connectable
      ? []
      : [{ what: 'allow connections', sql: `${alter} WITH ALLOW_CONNECTIONS true;` }]),
    ...(now.limit === -1
      ? []
      : [
          {
            what: `connection limit ${now.limit} → none`,
            sql: `${alter} WITH CONNECTION LIMIT -1;`,
          },
        ]),
  ]
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

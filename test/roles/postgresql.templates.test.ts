import { createHash, createHmac, pbkdf2Sync } from 'node:crypto'
import t from 'tap'
import { Secret, TaskError, reveal, type Facts } from '../../lib/index.ts'
import { loadInventory } from '../../lib/inventory/load.ts'
import { readClusters } from '../../roles/postgresql/cluster.ts'
import { logins } from '../../roles/postgresql/index.ts'
import { createRole, databaseDifferences, roleDifferences } from '../../roles/postgresql/objects.ts'
import { addressRange, nfsSource } from '../../roles/postgresql/addresses.ts'
import { matches, verifier } from '../../roles/postgresql/scram.ts'
import { connection, passLine } from '../../roles/postgresql/server.ts'
import { readState } from '../../roles/postgresql/sql.ts'
import { hbaFile, serverConf } from '../../roles/postgresql/templates.ts'
import { vars, type RoleSpec } from '../../roles/postgresql/vars.ts'

const inventory = await loadInventory(new URL('../../inventory.yaml', import.meta.url).pathname)
const base = {
  port: 5432,
  listen: ['10.17.3.14'],
  timezone: 'Europe/Madrid',
  hbaFile: '/h',
  pemFile: '/p',
  memoryMb: 1024,
}

t.test('fmc.conf', t => {
  const text = serverConf({ ...base, settings: {} })
  t.match(text, /^listen_addresses = '127\.0\.0\.1,10\.17\.3\.14'$/m)
  t.match(text, /^shared_buffers = '256MB'$/m)
  t.match(text, /^ssl = on$/m)
  t.ok(text.endsWith('\n'))
  t.notMatch(serverConf({ ...base, memoryMb: undefined, settings: {} }), /shared_buffers/)
  for (const [value, line] of [
    [8, 'x = 8'],
    [true, 'x = on'],
    ["it's \\ $(x)", "x = 'it''s \\\\ $(x)'"],
  ] as const)
    t.ok(serverConf({ ...base, settings: { x: value } }).includes(`\n${line}\n`), line)
  const own = serverConf({ ...base, settings: { shared_buffers: '1GB' } })
  t.equal(own.match(/shared_buffers/g)?.length, 1, 'a setting of the inventory replaces ours')
  t.end()
})

t.test('pg_hba.conf', t => {
  const rules = vars.parse({
    postgresql_hba: [
      { database: 'app', user: ['app', 'other'], address: 'kube_network_03' },
      { database: 'all', user: 'all', address: 'lan', method: 'reject' },
      { type: 'local', database: 'sameuser', user: 'all', method: 'peer' },
    ],
  }).postgresql_hba
  const lines = hbaFile(rules, a => addressRange(a, inventory))
    .split('\n')
    .filter(l => l !== '' && !l.startsWith('#'))
  t.strictSame(lines, [
    'local all postgres peer',
    'hostssl all all 127.0.0.1/32 scram-sha-256',
    'hostssl "app" "app","other" 10.17.4.0/24 scram-sha-256',
    'hostssl all all 192.168.0.0/24 reject',
    'local sameuser all peer',
  ])
  t.end()
})

t.test('addresses come from the inventory', t => {
  t.equal(addressRange('worker1', inventory), '10.17.4.24/32')
  t.equal(addressRange('10.0.0.0/8', inventory), '10.0.0.0/8')
  t.throws(() => addressRange('nowhere', inventory), TaskError)
  t.equal(nfsSource('storage1:/srv/x', inventory), '10.17.4.27:/srv/x')
  t.equal(nfsSource('nas.example.com:/srv/x', inventory), 'nas.example.com:/srv/x')
  t.end()
})

t.test('variables that are refused', t => {
  const bad: Record<string, unknown>[] = [
    { postgresql_settings: { port: 1 } },
    { postgresql_settings: { work_mem: "1MB'\nport = 1" } },
    { postgresql_settings: { 'Work Mem': 1 } },
    { postgresql_roles: [{ name: 'a"; drop role x' }] },
    { postgresql_roles: [{ name: 'postgres' }] },
    { postgresql_roles: [{ name: 'app', password: 'in the clear' }] },
    { postgresql_roles: [{ name: 'app', options: ['super'] }] },
    { postgresql_hba: [{ database: 'a', user: 'a' }] },
    { postgresql_hba: [{ type: 'host', database: 'a', user: 'a', address: 'lan' }] },
    { postgresql_hba: [{ database: 'a', user: 'a', address: 'lan', method: 'trust' }] },
    { postgresql_hba: [{ database: 'a', user: 'a', address: 'lan', method: 'md5' }] },
    { postgresql_backup_dir: '/srv/../etc' },
    { postgresql_backup_nfs: { source: 'storage1' } },
    { postgresql_data_nfs: { source: 'storage1:/srv/x', options: 'nfsvers=4.2' } },
    { postgresql_data_nfs: { source: 'storage1:/srv/x', options: 'hard,softerr' } },
  ]
  for (const values of bad) t.notOk(vars.safeParse(values).success, JSON.stringify(values))
  t.ok(vars.safeParse({}).success)
  t.end()
})

t.test('SCRAM verifiers', async t => {
  // The exchange of RFC 7677 section 3: user "user", password "pencil".
  const salt = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64')
  const made = verifier(new Secret('pencil'), salt)
  t.equal(
    made.reveal(),
    'SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=',
  )
  t.notMatch(String(made), /SCRAM/)
  const stored = {
    salt: '4096:W22ZaJ0SNY7soEsUEjb6gQ==',
    digest: createHash('sha256').update(made.reveal()).digest('hex'),
  }
  t.ok(await matches(new Secret('pencil'), stored))
  t.notOk(await matches(new Secret('pencils'), stored))
  t.notOk(await matches(new Secret('pencil'), { salt: null, digest: null }))
  t.notOk(await matches(new Secret('pencil'), { ...stored, salt: '1; drop:x' }))
  t.not(
    verifier(new Secret('a')).reveal(),
    verifier(new Secret('a')).reveal(),
    'a salt of its own each time',
  )
  for (const text of ['', 'a\n', 'ñandú']) t.throws(() => verifier(new Secret(text)), TaskError)
})

t.test('a server does not say how long the controller computes', async t => {
  const password = new Secret('pencil')
  const made = (iterations: number, salt: Buffer) => {
    const hmac = (key: Buffer, text: string) => createHmac('sha256', key).update(text).digest()
    const salted = pbkdf2Sync('pencil', salt, iterations, 32, 'sha256')
    const key = createHash('sha256').update(hmac(salted, 'Client Key')).digest('base64')
    const head = `${iterations}:${salt.toString('base64')}`
    const text = `SCRAM-SHA-256$${head}$${key}:${hmac(salted, 'Server Key').toString('base64')}`
    return { salt: head, digest: createHash('sha256').update(text).digest('hex') }
  }
  const salt = Buffer.alloc(16, 7)
  t.ok(await matches(password, made(1, salt)), 'scram_iterations = 1')
  t.ok(await matches(password, made(4096, Buffer.alloc(64, 7))), 'a long salt')
  t.notOk(await matches(password, made(600_001, salt)), 'too often: set anew')
  t.notOk(await matches(password, made(4096, Buffer.alloc(65, 7))), 'too long a salt')
  const { digest } = made(4096, salt)
  for (const wrong of [
    ...['0', '-1', '04096', '4096.0', '1e3', '9999999', '99999999999999999999'].map(
      n => `${n}:${salt.toString('base64')}`,
    ),
    ...['', '=', '====', 'A', `A${'A'.repeat(1_000_000)}`, 'AA==BB==', 'QQ=', 'QR=='].map(
      b => `4096:${b}`,
    ),
  ])
    t.notOk(await matches(password, { salt: wrong, digest }), wrong.slice(0, 40))
  let turns = 0
  const count = setInterval(() => turns++, 1)
  t.ok(await matches(password, made(600_000, salt)))
  clearInterval(count)
  const before = turns
  const again = setInterval(() => turns++, 1)
  t.notOk(
    await matches(new Secret('pencils'), { salt: `600000:${salt.toString('base64')}`, digest }),
  )
  clearInterval(again)
  t.ok(turns > before, 'others go on meanwhile')
})

const spec: RoleSpec = {
  name: 'app',
  password: new Secret('pencil'),
  options: [],
  connection_limit: -1,
}
const asDeclared = () => {
  const text = verifier(new Secret('pencil')).reveal()
  return {
    name: 'app',
    superuser: false,
    createdb: false,
    createrole: false,
    replication: false,
    bypassrls: false,
    login: true,
    inherit: true,
    limit: -1,
    until: null,
    salt: text.split('$')[1] ?? '',
    digest: createHash('sha256').update(text).digest('hex'),
  }
}

t.test('differences of roles and databases', async t => {
  const what = async (now: object, s: RoleSpec = spec) =>
    (await roleDifferences(s, { ...asDeclared(), ...now })).map(d => d.what)
  t.strictSame(await what({}), [])
  t.strictSame(await what({ until: 'infinity' }), [])
  t.strictSame(await what({ superuser: true, login: false }), [
    'superuser on → off',
    'login off → on',
  ])
  t.strictSame(await what({ limit: 3, until: '2020-01-01' }), ['connection limit 3 → -1'])
  const until = (valid_until: string): RoleSpec => ({ ...spec, valid_until })
  t.strictSame(await what({ until: '2020-01-01T00:00:00+00:00' }, until('infinity')), [
    'valid until 2020-01-01T00:00:00+00:00 → infinity',
  ])
  t.strictSame(await what({ until: '2027-01-31T01:00:00+01:00' }, until('2027-01-31')), [])
  t.strictSame(await what({}, until('infinity')), [])
  t.strictSame(await what({}, until('2027-01-31')), ['valid until infinity → 2027-01-31'])
  t.strictSame(await what({ salt: null, digest: 'md5…' }), ['password'])
  t.strictSame(
    await what(
      { superuser: true, replication: true, login: false, limit: 3, until: '2020-01-01' },
      { name: 'app' },
    ),
    [],
    'what is not declared is left alone',
  )
  t.equal(
    reveal(createRole({ name: 'app' })),
    'CREATE ROLE "app" WITH NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS LOGIN INHERIT;',
  )
  t.match(
    reveal(createRole({ name: 'app', valid_until: '2027-01-31', connection_limit: 5 })),
    / CONNECTION LIMIT 5 VALID UNTIL '2027-01-31T00:00:00\.000Z';$/,
  )
  const sql = reveal(createRole({ ...spec, options: ['createdb', 'nologin'] }))
  t.match(
    sql,
    /^CREATE ROLE "app" WITH NOSUPERUSER CREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS NOLOGIN INHERIT CONNECTION LIMIT -1 PASSWORD 'SCRAM-SHA-256\$4096:[^']+';$/,
  )
  t.notMatch(sql, /pencil/)
  const database = { name: 'app', owner: 'app' }
  t.strictSame(databaseDifferences({ name: 'app', owner: 'app' }, database), [])
  t.strictSame(
    databaseDifferences({ name: 'app', owner: 'app' }, { ...database, owner: 'postgres' }).map(
      d => d.sql,
    ),
    ['ALTER DATABASE "app" OWNER TO "app";'],
  )
})

t.test('a host’s answers are parsed strictly', t => {
  const found: [string, object][] = [
    ['', { exists: false, interrupted: false, bare: false }],
    ['bare\n', { exists: false, interrupted: false, bare: false }],
    ['15 /d/PG_VERSION\n', { exists: true, interrupted: false, bare: false }],
    ['15 /d/PG_VERSION\nbare\n', { exists: true, interrupted: false, bare: true }],
    ['15 /d/PG_VERSION\ninterrupted\nbare\n', { exists: false, interrupted: true, bare: false }],
  ]
  const said = (stdout: string, code = 0, stderr = ''): Facts['command'] => ({
    code,
    stdout,
    stderr,
  })
  for (const [stdout, is] of found) t.strictSame(readClusters(said(stdout), 15, '/d'), is, stdout)
  t.throws(() => readClusters(said('14 /d/PG_VERSION\n'), 15, '/d'), {
    message: /PostgreSQL 14, but postgresql_version is 15/,
  })
  t.throws(() => readClusters(said('', 1, 'setpriv: no\n'), 15, '/d'), {
    message: /cannot tell which clusters are on the host: setpriv: no/,
  })
  t.strictSame(
    readClusters(said('13 /old/PG_VERSION\n15 /d/PG_VERSION\n'), 15, '/d'),
    { exists: true, interrupted: false, bare: false },
    'an old one beside ours is left alone',
  )
  for (const [stdout, message] of [
    ['16 /var/lib/pgsql/16/data/PG_VERSION\n', /16\/data\/PG_VERSION says PostgreSQL 16, but/],
    [
      '15 /var/lib/pgsql/15/data/PG_VERSION\n',
      /is a cluster that the role does not manage: its own is in \/d/,
    ],
    ['14 /d/PG_VERSION\ninterrupted\n', /PostgreSQL 14, but postgresql_version is 15/],
    ['14 /e/PG_VERSION\ninterrupted\n', /PostgreSQL 14, but postgresql_version is 15/],
    ['15 /d/PG_VERSION\nstandby\n', /the server in \/d is a standby, or is being recovered/],
  ] as const)
    t.throws(() => readClusters(said(stdout), 15, '/d'), { message })
  const failed = { code: 2, stdout: '', stderr: 'psql: no server\n' }
  t.strictSame(readState(failed, 'new'), { roles: [], databases: [] })
  t.equal(readState(failed, 'starting'), undefined)
  t.throws(() => readState(failed, 'running'), { message: /does not answer: psql: no server/ })
  for (const stdout of ['', 'garbage', '{}', '{"roles":[{"name":1}],"databases":[]}'])
    t.throws(() => readState({ code: 0, stdout, stderr: '' }, 'running'), TaskError, stdout)
  t.end()
})

t.test('password files', t => {
  t.equal(
    reveal(passLine({ user: 'app', database: 'app', password: new Secret('a:b\\c') })),
    '*:*:*:app:a\\:b\\\\c\n',
  )
  t.end()
})

t.test('a program that listens in place of the server never receives a password', t => {
  const login = { user: 'app', database: 'app', password: new Secret('s3cret', 'app') }
  for (const selfSigned of [true, false])
    t.match(
      connection({ port: 5432, host: 'db1', selfSigned }, login),
      /(^| )channel_binding=require( |$)/,
    )
  t.end()
})

t.test('who logs in after a change', t => {
  const password = new Secret('x')
  const role = { name: 'app', password }
  const who = (...roles: object[]): string[] =>
    logins(vars.parse({ postgresql_roles: roles })).map(l => l.user)
  t.strictSame(who(role, { ...role, name: 'b', valid_until: 'infinity' }), ['app', 'b'])
  t.strictSame(who({ name: 'app' }, { ...role, options: ['nologin'] }), [], 'none of these can')
  t.strictSame(who({ ...role, valid_until: '2020-01-01' }), [], 'its password is over')
  t.end()
})

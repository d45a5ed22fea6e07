import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { parseDocument, type YAMLMap, type YAMLSeq } from 'yaml'
import { labSecret } from '../../lib/lab/secrets.ts'
import { proveRole, rig, ROOT, type FmcRun, type Ran } from '../rig/lab.ts'

/** The inventory without the hosts that this test does not need. */
function smallInventory(dir: string): string {
  const keep = new Set(['hypervisor', 'postgresql1', 'worker1', 'storage1'])
  const doc = parseDocument(readFileSync(join(ROOT, 'inventory.yaml'), 'utf8'))
  const hosts = doc.get('hosts') as YAMLMap<{ value: string }>
  hosts.items = hosts.items.filter(i => keep.has(i.key.value))
  for (const group of (doc.get('groups') as YAMLMap<unknown, YAMLMap>).items) {
    const list = group.value?.get('hosts') as YAMLSeq<{ value: string }> | undefined
    if (list) list.items = list.items.filter(i => keep.has(i.value))
  }
  doc.delete('vips')
  const file = join(dir, 'inventory.yaml')
  writeFileSync(file, doc.toString())
  return file
}

const DATA = '/var/lib/pgsql/data'
const dir = mkdtempSync(join(tmpdir(), 'fmc-postgresql-'))
t.teardown(() => rmSync(dir, { recursive: true, force: true }))
const r = await rig(t, 'test-postgresql', { inventory: smallInventory(dir) })
const DB = 'postgresql1'
const ROLE = ['role', 'postgresql', DB]
const password = labSecret(r.state.dir, 'postgresql_app')

/** SQL on the host as postgres; its rows. */
const sql = (text: string, database = 'postgres'): Promise<string> =>
  r.text(
    DB,
    `cd / && runuser -u postgres -- psql -XAtq -v ON_ERROR_STOP=1 -d ${database} <<'SQL'\n${text}\nSQL`,
  )
const started = (): Promise<string> => sql('select pg_postmaster_start_time()')
const names = (run: FmcRun): string[] => run.changed.map(c => c.slice(c.indexOf('/') + 1))

let logins = 0

/** psql of this machine as the application would call it, from another host's network or from the LAN. */
async function login(
  from: 'worker1' | 'lan',
  o: { user?: string; database?: string; password?: string; tls?: string } = {},
): Promise<Ran> {
  const passfile = join(dir, `pgpass-${++logins}`)
  writeFileSync(passfile, `*:*:*:*:${o.password ?? password}\n`, { mode: 0o600 })
  const target = `host=${DB} hostaddr=10.17.3.14 user=${o.user ?? 'app'} dbname=${o.database ?? 'app'} connect_timeout=10 ${o.tls ?? `sslmode=verify-full sslrootcert=${join(dir, 'server.crt')}`}`
  const argv = [
    'env',
    `PGPASSFILE=${passfile}`,
    'psql',
    '-XAtw',
    '-c',
    'select current_user, ssl from pg_stat_ssl where pid = pg_backend_pid()',
    target,
  ]
  return from === 'lan' ? r.inLan(...argv) : r.inNetworkOf(from, ...argv)
}

await t.test(
  'from nothing (but a first try that was killed) to a server with backups on the share',
  async t => {
    const half = DATA
    await r.text(
      DB,
      `mkdir -p ${half} && echo 15 >${half}/PG_VERSION && touch ${half}/half ${half}.fmc-creating`,
    )
    const storage = await r.fmc('role', 'nfs', 'storage1')
    t.equal(storage.code, 0, storage.failures.join('\n'))
    const done = await proveRole(t, r, ...ROLE)
    t.ok(names(done).includes(`cluster ${DATA}`))
    t.equal(
      await r.text(DB, `cat ${half}.fmc-interrupted-*/PG_VERSION; ls ${half}/half 2>&1 | wc -l`),
      '15\n1',
      'what was half made is moved aside',
    )
    t.notMatch(done.stdout + done.stderr, password)
    t.notMatch(done.stdout + done.stderr, 'SCRAM-SHA-256$')
    t.equal(
      await sql(
        "select count(*) from pg_authid where rolpassword like 'SCRAM-SHA-256$%' and rolname = 'app'",
      ),
      '1',
    )
    t.equal(
      await sql(
        "select pg_encoding_to_char(encoding) || datcollate from pg_database where datname = 'app'",
      ),
      'UTF8C.UTF-8',
    )
    t.equal(await sql('show timezone'), 'Europe/Madrid')
    t.equal(
      await r.text(DB, 'ls -d /run/fmc-postgresql.* /run/fmc-pgpass.* 2>/dev/null | wc -l'),
      '0',
    )
    writeFileSync(
      join(dir, 'server.crt'),
      await r.text(DB, 'openssl x509 -in /var/lib/pgsql/tls/server.pem'),
    )
  },
)

await t.test('who may connect', async t => {
  const worker = await login('worker1')
  t.match(worker, { code: 0, stdout: 'app|t\n' }, worker.stderr)
  const refused: [string, Promise<Ran>, RegExp][] = [
    ['a wrong password', login('worker1', { password: 'wrong' }), /password authentication failed/],
    [
      'no TLS',
      login('worker1', { tls: 'sslmode=disable' }),
      /no pg_hba\.conf entry .*no encryption/,
    ],
    ['the superuser', login('worker1', { user: 'postgres' }), /no pg_hba\.conf entry/],
    ['another database', login('worker1', { database: 'postgres' }), /no pg_hba\.conf entry/],
    ['a LAN host', login('lan'), /no pg_hba\.conf entry for host "192\.168\.0\./],
  ]
  for (const [who, answer, why] of refused) {
    const { code, stderr } = await answer
    t.not(code, 0, who)
    t.match(stderr, why, who)
  }
})

await t.test('drift made by hand is predicted exactly, and undone', async t => {
  const since = await started()
  await r.text(
    DB,
    `sed -i 's/^shared_buffers.*/#&/; s/^ssl_min_protocol_version.*/ssl_min_protocol_version = TLSv1/' ${DATA}/conf.d/fmc.conf`,
  )
  await r.text(DB, `echo 'host all all 0.0.0.0/0 trust' >>${DATA}/pg_hba.conf`)
  await sql(
    "alter role app password 'by hand' createdb connection limit 9; alter system set work_mem = '9MB';",
  )
  await sql('drop database app')
  const planned = await r.fmc(...ROLE, '--dry-run', '--diff', '--exit-code')
  t.equal(planned.code, 3)
  t.strictSame(names(planned), [
    'database app',
    `file ${DATA}/conf.d/fmc.conf`,
    `file ${DATA}/pg_hba.conf`,
    `file ${DATA}/postgresql.auto.conf`,
    'handler log in as every role',
    'handler reload postgresql, restart if it must',
    'role app',
  ])
  const changes = new Map(planned.tasks.map(e => [e.task, e.changes]))
  t.equal(changes.get('role app')?.[0]?.what, 'password', 'what is not declared is left alone')
  t.match(
    changes.get(`file ${DATA}/pg_hba.conf`)?.[0]?.diff,
    /^-host all all 0\.0\.0\.0\/0 trust$/m,
  )
  const done = await r.fmc(...ROLE)
  t.equal(done.code, 0, done.failures.join('\n'))
  t.strictSame(done.changed, planned.changed)
  t.match(done.recap, { unpredicted: 0, unneeded: 0 })
  t.strictSame((await r.fmc(...ROLE)).changed, [])
  t.equal(await started(), since, 'nothing of that needs a restart')
  t.equal((await login('worker1')).code, 0, 'the declared password is back')
  t.equal(
    await sql("select rolcreatedb, rolconnlimit from pg_roles where rolname = 'app'"),
    't|9',
    'what is not declared is as it was',
  )
})

await t.test(
  'what PostgreSQL would not start with is refused, and the server does not notice',
  async t => {
    const before = [
      await started(),
      await r.text(
        DB,
        `cat ${DATA}/conf.d/fmc.conf ${DATA}/pg_hba.conf | sha256sum; head -n1 ${DATA}/postmaster.pid`,
      ),
    ]
    const bad: [string, RegExp][] = [
      [
        '{postgresql_settings: {work_mem: banana}}',
        /invalid value for parameter "work_mem": "banana"/,
      ],
      [
        '{postgresql_settings: {no_such_setting: 1}}',
        /unrecognized configuration parameter "no_such_setting"/,
      ],
      [
        '{postgresql_settings: {shared_preload_libraries: nowhere}}',
        /could not access file "nowhere"/,
      ],
      [
        '{postgresql_hba: [{database: app, user: app, address: 10.17.4.0/99}]}',
        /invalid CIDR mask in address "10\.17\.4\.0\/99"/,
      ],
    ]
    for (const [vars, why] of bad) {
      const run = await r.fmc(...ROLE, '-e', vars)
      t.equal(run.code, 2, vars)
      t.match(run.failures.join('\n'), why)
      t.strictSame(run.changed, [], vars)
    }
    t.strictSame(
      [
        await started(),
        await r.text(
          DB,
          `cat ${DATA}/conf.d/fmc.conf ${DATA}/pg_hba.conf | sha256sum; head -n1 ${DATA}/postmaster.pid`,
        ),
      ],
      before,
    )
    t.equal(
      await r.text(DB, 'ls -d /run/fmc-postgresql.* 2>/dev/null | wc -l'),
      '0',
      'nothing is left of the trials',
    )
    t.strictSame((await r.fmc(...ROLE)).changed, [])
  },
)

await t.test('reload if that is enough, one restart if PostgreSQL asks for it', async t => {
  const first = await started()
  const reload = ['-e', '{postgresql_settings: {work_mem: 8MB}}']
  const reloaded = await r.fmc(...ROLE, ...reload)
  t.equal(reloaded.code, 0, reloaded.failures.join('\n'))
  t.equal(await sql('show work_mem'), '8MB')
  t.equal(await started(), first)
  const restart = ['-e', '{postgresql_settings: {work_mem: 8MB, max_connections: 60}}']
  const starts = (): Promise<string> =>
    r.text(
      DB,
      `{ journalctl -q -o cat -u postgresql; cat ${DATA}/log/* 2>/dev/null; } | grep -c 'starting PostgreSQL'`,
    )
  const before = Number(await starts())
  await proveRole(t, r, ...ROLE, ...restart)
  t.equal(await sql('show max_connections'), '60')
  t.equal(Number(await starts()), before + 1, 'once in three runs')
  t.equal((await r.fmc(...ROLE)).code, 0)
})

await t.test('a broken server is not called healthy', async t => {
  const pid = await r.text(DB, `head -n1 ${DATA}/postmaster.pid`)
  await r.text(DB, `kill -STOP ${pid}`)
  const silent = await r.fmc(...ROLE, '--dry-run')
  await r.text(DB, `kill -CONT ${pid}`)
  t.equal(silent.code, 2, 'one that does not answer')
  t.match(silent.failures.join('\n'), /PostgreSQL does not answer/)
  // Below our include line, where it outranks fmc.conf: no file of ours has changed, only the gate can see it.
  await r.text(
    DB,
    `cd ${DATA} && cp -p postgresql.conf /root/saved && echo "listen_addresses = '127.0.0.1'" >>postgresql.conf && systemctl restart postgresql`,
  )
  const deaf = await r.fmcInVain(...ROLE)
  t.equal(deaf.code, 2, 'one that listens on loopback only')
  t.match(deaf.failures.join('\n'), /PostgreSQL speaks TLS.*no TLS on 10\.17\.3\.14:5432/)
  await r.text(DB, `cp -p /root/saved ${DATA}/postgresql.conf && systemctl restart postgresql`)
  t.match(await r.fmc(...ROLE), { code: 0, changed: { length: 0 } })
})

await t.test('data of another version is never touched', async t => {
  await r.text(DB, 'mkdir -p /var/lib/pgsql/14/data && echo 14 >/var/lib/pgsql/14/data/PG_VERSION')
  const run = await r.fmc(...ROLE)
  t.equal(
    run.code,
    0,
    'the role has its own beside it; without that it refuses (test/lab/dirt.test.ts)',
  )
  t.strictSame(run.changed, [])
  t.equal(
    await r.text(
      DB,
      'cd /var/lib/pgsql/14 && find . && cat data/PG_VERSION && rm -r /var/lib/pgsql/14',
    ),
    '.\n./data\n./data/PG_VERSION\n14',
  )
})

await t.test('dumps, retention, restore', async (t: Test) => {
  const share = '/srv/backup/postgresql'
  await sql(
    "create table cargo (what text); insert into cargo values ('forty-two'); alter table cargo owner to app",
    'app',
  )
  await r.text(
    DB,
    `mkdir ${share}/20200101T000000Z ${share}/.incomplete-20200101T000000Z ${share}/20200101-mine`,
  )
  await r.text(DB, 'systemctl start fmc-postgresql-backup')
  const kept = (await r.text('storage1', 'ls -A /srv/nfs/postgresql')).split('\n')
  t.equal(kept.length, 2, kept.join(' '))
  t.ok(kept.includes('20200101-mine'), 'what is not a dump is left alone')
  const stamp = kept.find(k => /^\d{8}T\d{6}Z$/.test(k)) ?? ''
  t.strictSame(
    (await r.text(DB, `cd ${share}/${stamp} && sha256sum -c --quiet SHA256SUMS && ls`)).split('\n'),
    ['SHA256SUMS', 'app.dump', 'globals.sql', 'postgres.dump'],
  )

  await sql('drop table cargo', 'app')
  // The README's command.
  await r.text(
    DB,
    `cd / && runuser -u postgres -- pg_restore --clean --if-exists --create --exit-on-error -d postgres ${share}/${stamp}/app.dump`,
  )
  t.equal(await sql('select what from cargo', 'app'), 'forty-two')
  t.equal((await login('worker1')).code, 0)
  t.strictSame((await r.fmc(...ROLE)).changed, [], 'what is restored is as declared')

  await r.text(DB, `systemctl stop fmc-postgresql-backup.timer && umount ${share}`)
  t.not((await r.on(DB, 'runuser -u postgres -- /usr/local/libexec/fmc-postgresql-backup')).code, 0)
  t.equal(await r.text(DB, `ls -A ${share}`), '', 'without its share nothing is written')
  t.strictSame(names(await r.fmc(...ROLE)), [
    `mount ${share}`,
    'service fmc-postgresql-backup.timer',
  ])
})

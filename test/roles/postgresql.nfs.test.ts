// PostgreSQL with its data on an NFS share: the host can be lost without its data, and no other host may serve them.
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { rig } from '../rig/lab.ts'

const INVENTORY = `timezone: UTC
domain: test.internal
networks:
  lan: { cidr: 192.168.0.0/24, mode: bridge, gateway: 192.168.0.1 }
hosts:
  db:
    os: debian 12
    memory: 1GB
    nics: [{ network: lan, address: 192.168.0.14 }]
    vars:
      postgresql_data_nfs: { source: 'storage:/srv/nfs/postgresql' }
      postgresql_roles: [{ name: app, password: !secret postgresql_app }]
      postgresql_databases: [{ name: app, owner: app }]
  storage:
    os: flatcar
    nics: [{ network: lan, address: 192.168.0.27 }]
    disks: [{ name: data, size: 2GB, device: /dev/disk/by-id/virtio-data }]
    vars:
      nfs_exports:
        - path: /srv/nfs/postgresql
          clients: [db]
          squash: all
          owner: { name: nfs-postgresql, id: 543 }
          mode: '0750'
`
const ROLE = ['role', 'postgresql', 'db']
const UNIT = 'postgresql@15-main'
const HOME = '/var/lib/postgresql'
const SHARE = '/srv/nfs/postgresql'

void t.test('PostgreSQL on NFS', { timeout: 600_000 }, async t => {
  const inventory = join(t.testdir({ 'inventory.yaml': INVENTORY }), 'inventory.yaml')
  const r = await rig(t, 'postgresql-nfs', { inventory })
  const sql = (text: string): Promise<string> =>
    r.text('db', `cd / && runuser -u postgres -- psql -XAtq -v ON_ERROR_STOP=1 -d app -c "${text}"`)
  const refused = async (t: Test, why: RegExp, ...args: string[]): Promise<void> => {
    const { code, changed, failures } = await r.fmc(...ROLE, ...args)
    t.equal(code, 2)
    t.match(failures.join('\n'), why)
    t.strictSame(changed, [])
  }
  /** Starts the server by hand, which must fail. Returns why. */
  const cannotStart = async (t: Test): Promise<string> => {
    const { code, stderr } = await r.on('db', `timeout 60 systemctl start ${UNIT}`)
    t.equal(code, 1, stderr)
    return stderr + (await r.text('db', `journalctl -q -o cat -n 10 -u ${UNIT}`))
  }

  await t.test('a cluster on the own disk is not hidden', async t => {
    const own = `${HOME}/14/old`
    await r.text('db', `mkdir -p ${own} && echo 14 >${own}/PG_VERSION`)
    await refused(t, /14\/old\/PG_VERSION: there is a cluster on the host's own disk/)
    await r.text('db', `rm -r ${HOME}`)
  })

  await t.test('from nothing', async t => {
    const storage = await r.fmc('role', 'nfs', 'storage')
    t.equal(storage.code, 0, storage.failures.join('\n'))
    const planned = await r.fmc(...ROLE, '--dry-run')
    const done = await r.fmc(...ROLE)
    t.equal(done.code, 0, done.failures.join('\n'))
    t.strictSame(done.changed, planned.changed, 'what changed is what was predicted')
    t.match(done.recap, { failed: 0, unpredicted: 0, unneeded: 0 })
    const there = await r.text('storage', `cd ${SHARE} && cat 15/main/PG_VERSION fmc-host`)
    t.equal(there, '15\ndb')
    await sql("create table cargo (what text); insert into cargo values ('forty-two')")
  })

  await t.test('without the share no server starts, and no other cluster is created', async t => {
    await r.text('db', 'systemctl stop var-lib-postgresql.mount')
    t.equal(await r.text('db', `systemctl is-active ${UNIT} || true`), 'inactive')
    await r.text('db', 'ip route add unreachable 192.168.0.27')
    t.match(await cannotStart(t), /[Dd]ependency/)
    t.equal(await r.text('db', `ls -A ${HOME}`), '')
    await r.text('db', 'ip route del unreachable 192.168.0.27')
  })

  await t.test('data that belongs to another host is not served', async t => {
    const files = 'find . -type f -exec sha256sum {} + | sort'
    await r.text('storage', `echo db2 >${SHARE}/fmc-host`)
    const before = await r.text('storage', `cd ${SHARE} && ${files}`)
    t.match(await cannotStart(t), 'fmc-host does not name db')
    await refused(t, /192\.168\.0\.27:\/srv\/nfs\/postgresql belongs to db2: two servers/)
    t.equal(await r.text('storage', `cd ${SHARE} && ${files}`), before)
    const pid = `${HOME}/15/main/postmaster.pid`
    await r.text('db', `rm ${HOME}/fmc-host; touch ${pid}`)
    await refused(t, /a server may be running/, '--dry-run')
    await r.text('db', `rm ${pid}`)
  })

  await t.test('a host that lost its own disk serves the existing data', async t => {
    await r.text('db', 'systemctl stop var-lib-postgresql.mount; rm -r /etc/postgresql')
    const done = await r.fmc(...ROLE)
    t.equal(done.code, 0, done.failures.join('\n'))
    const did = done.tasks.filter(e => e.changes.length > 0 && e.status === 'changed')
    t.ok(did.some(e => e.task === 'configuration /etc/postgresql/15/main'))
    for (const { task } of did) t.notMatch(task, /^(cluster|database|role) /)
    t.equal(await sql('select what from cargo'), 'forty-two')
    t.strictSame((await r.fmc(...ROLE)).changed, [])
  })
})

// The roles of the operations with the whole engine in this process (test/engine/hosts.ts); programs are scripts.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import certificates from '../../playbooks/certificates.ts'
import { rebuild } from '../../roles/k3s-server/rebuild.ts'
import { isThere } from '../../roles/shared/k3s/forget.ts'
import etcdSnapshot from '../../playbooks/etcd-snapshot.ts'
import etcdRestore from '../../playbooks/etcd-restore.ts'
import flatcarUpdate from '../../roles/flatcar-update/index.ts'
import k3sUpgrade from '../../roles/k3s-upgrade/index.ts'
import nodeReplace from '../../roles/node-replace/index.ts'
import { stampOf } from '../../roles/shared/k3s/snapshot.ts'
import { Hosts, one, tasks, type Ran } from '../engine/hosts.ts'
import { $, hosts as matching, role, service, z } from '../../lib/index.ts'

const GROUPS = `
groups:
  k3s_servers: { hosts: [a, b, c] }
  k3s_agents: { hosts: [d] }
`
const K3S = '/var/lib/rancher/k3s'
const KUBELET = `${K3S}/agent/client-kubelet.crt`

/** systemctl of a host where every unit runs. */
const RUNS = `case "$*" in
  *UserspaceTimestamp*) echo UserspaceTimestampMonotonic=0 ;;
  show*NRestarts*) printf '%s\\n' ActiveState=active SubState=running NRestarts=0 ;;
  show*) printf '%s\\n' LoadState=loaded ActiveState=active UnitFileState=enabled NeedDaemonReload=no ;;
  is-*) ;;
  *) echo "$*" >>/srv/systemctl ;;
esac`

const node = (name: string, more = {}) => ({
  metadata: { name },
  status: {
    conditions: [{ type: 'Ready', status: 'True' }],
    nodeInfo: { kubeletVersion: 'v1.36.3+k3s1' },
  },
  ...more,
})

/** Servers that answer, and snapshots; every node has just told that it lives. */
function apiOn(hosts: Hosts, nodes: readonly string[], servers: readonly string[] = ['a']): void {
  for (const name of servers) {
    hosts.program(name, 'systemctl', RUNS)
    hosts.program(name, 'curl', `echo '{"health":"true"}'`)
    hosts.program(name, 'etcdctl', 'echo a1, started, a-1, https://10.0.0.10:2380, x, false')
    hosts.write(name, '/srv/nodes', JSON.stringify({ items: nodes.map(n => node(n)) }))
    hosts.write(name, `${K3S}/server/token`, 'secret')
    hosts.program(
      name,
      'k3s',
      `case "$*" in
  *readyz*) echo ok ;;
  *'get nodes'*) cat /srv/nodes ;;
  *'get lease'*) cat /srv/lease 2>/dev/null || date -u +%FT%T.%NZ ;;
  'etcd-snapshot save'*) mkdir -p ${K3S}/server/db/snapshots; echo x >>${K3S}/server/db/snapshots/fmc-1 ;;
esac`,
    )
  }
}

/** An agent with a certificate that a restart renews; `restart`: its state then. */
function agentOn(hosts: Hosts, name: string, restart: 'active' | 'failed'): void {
  hosts.write(name, KUBELET, '')
  hosts.program(
    name,
    'systemctl',
    `read -r up _ </proc/uptime
case "$*" in
  show*) cat /srv/unit 2>/dev/null || printf '%s\\n' ActiveState=active ExecMainStartTimestampMonotonic=1 ;;
  *start*) printf 'ActiveState=${restart}\\nExecMainStartTimestampMonotonic=%s0000\\n' $(echo $up | tr -d .) >/srv/unit ;;
esac`,
  )
  hosts.program(
    name,
    'openssl',
    `days=10; [ ! -e /srv/unit ] || days=365; echo "notAfter=$(date -ud "+$days days" '+%b %e %T %Y GMT')"`,
  )
}

const good = (t: Test, ran: Ran): void => {
  t.equal(ran.code, 0, ran.failures.join('\n'))
  t.match(ran.recap, { failed: 0, unpredicted: 0, unneeded: 0 })
}

void t.test('node-replace', async t => {
  const joins = tasks(() => $({ creates: KUBELET })`mkdir -p ${`${K3S}/agent`} && : >${KUBELET}`)
  const plays = [{ ...one(nodeReplace), roles: [nodeReplace, joins] }]
  const at = { limit: 'd', begun: Date.now() }
  const wipe = { extraVars: { node_replace_wipe: true } }

  for (const [what, vars] of [
    ['an empty machine', {}],
    ['an empty machine, to be wiped', wipe],
  ] as const)
    await t.test(what, async t => {
      const hosts = new Hosts(t, {}, GROUPS)
      good(t, await hosts.run(plays, { ...at, ...vars }))
      t.strictSame((await hosts.run(plays, { ...at, ...vars })).changed, [], 'the job goes on')
      const later = await hosts.run(plays, { ...at, begun: at.begun + 1000 })
      t.match(later.failures, [/it is not a new machine/], 'another job')
    })

  await t.test('killed after its data was set aside, before the reboot', async t => {
    const hosts = new Hosts(t, {}, GROUPS)
    hosts.program('d', 'systemctl', RUNS)
    hosts.write('d', `${K3S}.replaced-${stampOf(new Date(at.begun))}/x`, '')
    const rest = await hosts.run(plays, { ...at, dryRun: true })
    t.match(rest.changed, ['d reboot', /^d \$ mkdir/])
  })
})

void t.test('etcd-restore', async t => {
  const extraVars = { etcd_restore_from: t.testdir({ 'fmc-1': 'snapshot', token: 'secret' }) }
  const plays = etcdRestore.stages.flat()
  const hosts = new Hosts(t, {}, GROUPS)
  for (const name of ['a', 'b', 'c']) hosts.program(name, 'systemctl', RUNS)

  await t.test('no server is stopped while one is unreachable', async t => {
    hosts.down.add('c')
    const stop = plays.slice(0, 1)
    const ran = await hosts.run(stop, { extraVars })
    t.not(ran.code, 0)
    t.strictSame(ran.changed, [])
    t.match(ran.notes, [/^Stop: not started, because c failed or could not be reached/])
    const without = await hosts.run(stop, { extraVars, limit: 'a,b', dryRun: true })
    t.strictSame(
      without.changed.filter(c => c.endsWith('k3s')),
      ['a service k3s', 'b service k3s'],
      'it can be left out',
    )
  })

  await t.test('the server that starts from the snapshot must be among the hosts', async t => {
    const inventory = await hosts.inventory()
    const confirm = (names: string[], on?: string) =>
      etcdRestore.confirm?.({
        inventory,
        hosts: names.flatMap(n => {
          const host = inventory.hosts.get(n)
          return host ? [{ ...host, vars: on === undefined ? {} : { etcd_restore_on: on } }] : []
        }),
      }).answer
    t.throws(() => confirm(['b', 'c']), /^a must start from the snapshot, but is not among/)
    t.throws(() => confirm(['a', 'b'], 'c'), /^c must start/)
    t.equal(confirm(['b', 'c'], 'b'), 'test.internal')
    t.equal(confirm(['a', 'b', 'c']), 'test.internal')
  })

  await t.test('cut off after the data was set aside: the only copy stays', async t => {
    const db = `${K3S}/server/db`
    const h = new Hosts(t, {}, GROUPS)
    const begun = Date.now()
    const stamp = stampOf(new Date(begun))
    for (const name of ['a', 'b', 'c']) {
      h.program(name, 'systemctl', RUNS)
      h.write(name, `/var/lib/fmc/restore/${stamp}-stopped`, '')
    }
    h.write('a', `/var/lib/fmc/restore/${stamp}-restored`, '')
    h.write('b', `${db}/etcd.before-restore/x`, 'all that there is')
    h.write('b', `${db}/snapshots/etcd-snapshot-b-1`, 'a copy from before')
    // This machine has no /etc/rancher that the host's could stand in for.
    for (const editor of ['sed', 'grep'])
      h.program(
        'b',
        editor,
        `case "$*" in */config.yaml) ;; *) exec /usr/bin/${editor} "$@" ;; esac`,
      )
    process.env['FMC_GATE_SECONDS'] = '1'
    t.teardown(() => delete process.env['FMC_GATE_SECONDS'])
    const ran = await h.run(plays, { extraVars, begun, limit: 'b' })
    t.ok(ran.changed.includes('b no data from after the snapshot'), ran.failures.join())
    t.match(ran.failures, [/runs with the restored data/], 'there is no K3s to go on with')
    t.equal(h.read('b', `${db}/etcd.before-restore/x`), 'all that there is')

    // Another restore: the data goes aside, and the snapshots stay where they are.
    const again = begun + 60_000
    for (const mark of ['stopped', 'restored'])
      for (const name of mark === 'stopped' ? ['a', 'b', 'c'] : ['a'])
        h.write(name, `/var/lib/fmc/restore/${stampOf(new Date(again))}-${mark}`, '')
    h.write('b', `${db}/etcd/member/y`, 'newer')
    h.write('b', `${db}/reset-flag`, '')
    await h.run(plays, { extraVars, begun: again, limit: 'b' })
    t.strictSame(
      ['etcd.before-restore/member/y', 'etcd.before-restore/x', 'etcd/member/y', 'reset-flag'].map(
        file => h.read('b', `${db}/${file}`),
      ),
      ['newer', undefined, undefined, undefined],
    )
    t.equal(h.read('b', `${db}/snapshots/etcd-snapshot-b-1`), 'a copy from before')
  })
})

void t.test('certificates', async t => {
  const [, agents] = certificates.stages.flat()
  const plays = agents ? [agents] : []
  const groups = GROUPS.replace('[a, b, c]', '[a]').replace('[d]', '[c, d]')
  const cluster = (restart: 'active' | 'failed'): Hosts => {
    const hosts = new Hosts(t, {}, groups)
    apiOn(hosts, ['a', 'c', 'd'])
    agentOn(hosts, 'c', restart)
    agentOn(hosts, 'd', restart)
    return hosts
  }
  const changes = ['c certificates of k3s-agent', 'd certificates of k3s-agent']

  await t.test('agents are restarted one after the other, once', async t => {
    const hosts = cluster('active')
    const ran = await hosts.run(plays)
    good(t, ran)
    t.strictSame(ran.changed, changes)
    t.strictSame((await hosts.run(plays)).changed, [])
  })

  process.env['FMC_GATE_SECONDS'] = '1'
  t.teardown(() => delete process.env['FMC_GATE_SECONDS'])
  await t.test(
    'an agent that does not come back stops the play; its node is still Ready',
    async t => {
      const hosts = cluster('failed')
      const ran = await hosts.run(plays)
      t.equal(ran.code, 2)
      t.match(ran.failures, [/k3s-agent\.service on c is failed/])
      t.strictSame(ran.changed, changes.slice(0, 1))
    },
  )
  await t.test('an agent whose kubelet reports nothing stops it, too', async t => {
    const hosts = cluster('active')
    hosts.write('a', '/srv/lease', new Date(Date.now() - 3000).toISOString())
    const ran = await hosts.run(plays)
    t.match(ran.failures, [/the kubelet of c has not reported since it started/])
    t.strictSame(ran.changed, changes.slice(0, 1))
  })
})

void t.test('a snapshot is taken whatever --limit leaves', async t => {
  const cluster = (): Hosts => {
    const hosts = new Hosts(t, {}, GROUPS.replace('[a, b, c]', '[a, b]'))
    apiOn(hosts, ['a', 'b'], ['a', 'b'])
    return hosts
  }
  const plays = etcdSnapshot.stages.flat()
  const copies = (hosts: Hosts) =>
    ['a', 'b'].map(h => hosts.read(h, `${K3S}/server/db/snapshots/fmc-1`))

  await t.test('by the first server, also for another one', async t => {
    const hosts = cluster()
    const ran = await hosts.run(plays, { limit: 'b' })
    good(t, ran)
    t.match(ran.changed, [/^a keep etcd\//, /^a old snapshots of fmc/])
    t.strictSame(copies(hosts), ['x\n', undefined])
  })
  await t.test(
    'old ones are deleted; if that fails, the run says so and the copy is safe',
    async t => {
      const hosts = cluster()
      const k3s = hosts.read('a', 'bin/k3s') ?? ''
      const refuses = `echo "$*" >>/srv/asked; case "$*" in *prune*) echo 'Error: it is mine' >&2; exit 1 ;; esac`
      hosts.program('a', 'k3s', `${refuses}\n${k3s}`)
      const dir = t.testdir()
      const ran = await hosts.run(plays, { extraVars: { etcd_snapshot_dir: dir } })
      t.equal(ran.code, 2)
      t.match(ran.failures, [/it is mine/])
      t.strictSame(readdirSync(join(dir, readdirSync(dir)[0] ?? '')).sort(), ['fmc-1', 'token'])
      t.strictSame(hosts.read('a', '/srv/asked')?.match(/etcd-snapshot.*/g), [
        'etcd-snapshot save --config /dev/null --name fmc',
        'etcd-snapshot prune --config /dev/null --name fmc --etcd-snapshot-retention 5',
      ])
    },
  )
  await t.test('once for all', async t => {
    const hosts = cluster()
    good(t, await hosts.run(plays))
    t.strictSame(copies(hosts), ['x\n', undefined])
  })
  await t.test('while another server is down', async t => {
    const hosts = cluster()
    hosts.down.add('a')
    await hosts.run(plays)
    t.strictSame(copies(hosts), [undefined, 'x\n'])
  })
  await t.test('before an upgrade', async t => {
    const hosts = cluster()
    const extraVars = { k3s_version: 'v1.36.4+k3s1' }
    const ran = await hosts.run([one(k3sUpgrade)], { limit: 'b', extraVars, dryRun: true })
    t.match(ran.changed, [/^a keep etcd\//, /^a old snapshots of fmc/])
  })
})

void t.test('flatcar-update: a host that has gone back to the old system boots again', async t => {
  const hosts = new Hosts(t, {}, GROUPS)
  hosts.program('d', 'systemctl', RUNS.replace('Monotonic=0', 'Monotonic=999999999999999'))
  const vars = { flatcar_version: '4593.2.5', flatcar_group: 'stable' }
  const update = role({
    name: 'update',
    summary: '',
    vars: z.object({}),
    tasks: ({ host }) =>
      flatcarUpdate.tasks({
        vars,
        host: { ...host, os: { ...host.os, family: 'flatcar' } },
      } as never),
  })
  const ran = await hosts.run([one(update, { hosts: 'd' })], { dryRun: true, begun: 1 })
  t.ok(ran.changed.includes('d reboot'), ran.changed.join('\n'))
})

void t.test('a Node or a member whose state is unknown does not count as gone', async t => {
  const said = (code: number, stderr: string) => ({ code, stderr, stdout: '' })
  t.equal(isThere('m', said(0, '')), true)
  t.equal(isThere('m', said(1, 'Error from server (NotFound): nodes "m" not found')), false)
  t.throws(
    () => isThere('m', said(124, '')),
    /unknown whether the node m exists: kubectl ended with 124/,
  )

  const hosts = new Hosts(t, {}, GROUPS)
  hosts.program('a', 'etcdctl', 'echo context deadline exceeded >&2; exit 1')
  const address = '10.0.0.11'
  const member = { id: 'a2', name: 'b', started: true, address, learner: false }
  const via = { name: 'a', address: '10.0.0.10' }
  const forget = tasks(async () => {
    for (const server of matching('b'))
      await rebuild(server, { kind: 'rebuild', via, node: false, member, stale: false })
  })
  const ran = await hosts.run([one(forget, { hosts: 'd' })])
  t.match(ran.failures, [/etcdctl does not list the members: context deadline exceeded/])
})

void t.test(
  'data of a removed member is set aside, and K3s started again, as predicted',
  async t => {
    const hosts = new Hosts(t, {}, GROUPS)
    const unit = (active: string) =>
      `printf '%s\\n' LoadState=loaded ActiveState=${active} UnitFileState=enabled NeedDaemonReload=no`
    hosts.program(
      'b',
      'systemctl',
      `s=$(cat /srv/state 2>/dev/null || echo activating)
case "$*" in show*) ${unit('$s')} ;; *stop*) echo inactive >/srv/state ;; *start*) echo active >/srv/state ;; esac`,
    )
    hosts.write('b', `${K3S}/server/db/etcd/x`, '')
    const via = { name: 'a', address: '10.0.0.10' }
    const rebuilding = tasks(async () => {
      for (const server of matching('b'))
        await rebuild(server, {
          kind: 'rebuild',
          via,
          node: false,
          member: undefined,
          stale: true,
        })
      await service('k3s')
    })
    const ran = await hosts.run([one(rebuilding, { hosts: 'b' })])
    good(t, ran)
    t.strictSame(ran.changed, [`b old data ${K3S}/server/db/etcd`, 'b service k3s'])
  },
)

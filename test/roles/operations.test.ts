// The roles of the operations with the whole engine in this process (test/engine/hosts.ts); programs are scripts.
import t, { type Test } from 'tap'
import etcdRestore from '../../playbooks/etcd-restore.ts'
import nodeReplace from '../../roles/node-replace/index.ts'
import { stampOf } from '../../roles/etcd-snapshot/take.ts'
import { Hosts, one, tasks, type Ran } from '../engine/hosts.ts'
import { $ } from '../../lib/index.ts'

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
  show*) printf '%s\\n' LoadState=loaded ActiveState=active SubState=running NRestarts=0 UnitFileState=enabled NeedDaemonReload=no ;;
  is-*) ;;
  *) echo "$*" >>/srv/systemctl ;;
esac`

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

  await t.test('no server is stopped while one cannot be reached', async t => {
    hosts.down.add('c')
    const stop = plays.slice(0, 1)
    const ran = await hosts.run(stop, { extraVars })
    t.not(ran.code, 0)
    t.strictSame(ran.changed, [])
    t.match(ran.notes, [/^Stop: not begun, because c failed or could not be reached/])
    const without = await hosts.run(stop, { extraVars, limit: 'a,b', dryRun: true })
    t.strictSame(
      without.changed.filter(c => c.endsWith('k3s')),
      ['a service k3s', 'b service k3s'],
      'it can be left out',
    )
  })

  await t.test('the one that is to begin must be among the hosts', async t => {
    const inventory = await hosts.inventory()
    const confirm = (names: string[], on?: string) =>
      etcdRestore.confirm?.({
        inventory,
        hosts: names.flatMap(n => {
          const host = inventory.hosts.get(n)
          return host ? [{ ...host, vars: on === undefined ? {} : { etcd_restore_on: on } }] : []
        }),
      }).answer
    t.throws(() => confirm(['b', 'c']), /^a is to begin with the snapshot and is not among/)
    t.throws(() => confirm(['a', 'b'], 'c'), /^c is to begin/)
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
    h.write('b', `${db}.before-restore/x`, 'all that there is')
    await h.run(plays, { extraVars, begun, limit: 'b' })
    t.equal(h.read('b', `${db}.before-restore/x`), 'all that there is')
  })
})

// The roles of the operations with the whole engine in this process (test/engine/hosts.ts); programs are scripts.
import t, { type Test } from 'tap'
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
    hosts.program('d', 'systemctl', 'echo UserspaceTimestampMonotonic=0')
    hosts.write('d', `${K3S}.replaced-${stampOf(new Date(at.begun))}/x`, '')
    const rest = await hosts.run(plays, { ...at, dryRun: true })
    t.match(rest.changed, ['d reboot', /^d \$ mkdir/])
  })
})

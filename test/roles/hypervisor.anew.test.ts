import t from 'tap'
import { Hypervisor } from '../rig/hypervisor.ts'

void t.test('what the cluster cannot spare is not made anew', async t => {
  const groups = `vips: { web: { address: 10.0.0.99, network: lan, vrid: 51, ports: [80], backends: b, check: tcp, balancers: 'c,d' } }
groups: { hypervisors: { hosts: [a] }, k3s_servers: { hosts: [b] }, k3s_agents: { hosts: [c] } }
`
  const h = new Hypervisor(t, { b: 'a', c: 'a', d: 'a' }, groups)
  t.match(await h.run(), { code: 0, failures: [] })
  t.strictSame(
    (await h.told()).filter(line => /^(define|start)/.test(line)).length,
    6,
    'three were made and started',
  )
  const two = await h.run({ hypervisor_recreate: ['b', 'c'] }, { dryRun: true })
  t.match(two.tasks.find(e => e.task === 'gate b, c can be missing')?.note, /nodes of one cluster/)
  const done = await h.run({ hypervisor_recreate: ['b', 'c'] })
  t.equal(done.code, 2)
  t.match(done.failures.join(), /b, c are nodes of one cluster: one in a run/)
  t.strictSame(await h.told(), [], 'nothing was touched')
})

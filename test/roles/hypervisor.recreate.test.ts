import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { Hypervisor } from '../rig/hypervisor.ts'

void t.test('a VM that the cluster cannot spare is not recreated', async t => {
  const cluster = `vips: { web: { address: 10.0.0.99, network: lan, vrid: 51, ports: [80], backends: b, check: tcp, balancers: 'c,d' } }
groups: { k3s_servers: { hosts: [b] }, k3s_agents: { hosts: [a] } }
`
  const h = new Hypervisor(t, { b: 'a', c: 'a', d: 'a' }, cluster)
  for (const [name, address] of [
    ['c', '1: lo    inet 127.0.0.1/8 scope host lo'],
    ['d', '2: eth0    inet 10.0.0.99/32 scope global eth0'],
  ] as const)
    h.hosts.program(name, 'ip', `echo '${address}'`)
  t.match(await h.run(), { code: 0, failures: [] })
  t.strictSame(
    (await h.told()).filter(line => /^(define|start)/.test(line)).length,
    6,
    'three were made and started',
  )
  const refused = async (names: readonly string[], why: RegExp) => {
    for (const dryRun of [true, false]) {
      const run = await h.run({ hypervisor_recreate: names }, { dryRun })
      t.equal(run.code, 2)
      t.match(run.failures.join(), why)
    }
    t.strictSame(await h.told(), [], 'nothing was touched')
  }
  await refused(['b'], /gate b can be missing.*every Longhorn volume healthy: K3s does not answer/)
  await refused(['c', 'd'], /no other balancer has web/)
})

void t.test('names of no VM, and too many at once, are an error', async t => {
  const nodes = 'groups: { k3s_servers: { hosts: [b] }, k3s_agents: { hosts: [d] } }\n'
  const h = new Hypervisor(t, { b: 'a', c: 'a', d: 'b' }, nodes)
  const refused = async (vars: Record<string, unknown>) =>
    (await h.run(vars, { dryRun: true })).failures
  t.match(await refused({ hypervisor_recreate: ['wroker1'] }), [/wroker1, which is not a VM/])
  t.match(await refused({ hypervisor_recreate: ['a'] }), [/names a, which is not a VM/])
  const left = { hypervisor_vms: ['b'], hypervisor_recreate: ['c'] }
  t.match(await refused(left), [/names c, which hypervisor_vms leaves out/])
  t.strictSame(await refused({ hypervisor_recreate: ['d'] }), [], 'the VM of another one')
  t.match(await refused({ hypervisor_recreate: ['d', 'c', 'b'] }), [/b, d: nodes of one cluster/])
  await t.rejects(h.run({ hypervisor_dns_upstreams: ['1.1.1'] }), /IPv4/)
})

void t.test(
  'a VM is removed only once the new one can be created, and keeps its key until then',
  async t => {
    const h = new Hypervisor(t, { b: 'a' })
    const recreate = { hypervisor_recreate: ['b'] }
    t.match(await h.run(), { code: 0, failures: [] })
    await h.told()
    const { knownHostsFile } = await h.hosts.inventory()
    const key = () => readFileSync(knownHostsFile, 'utf8')
    const first = key()

    h.hosts.write('a', 'srv/image-size', String(11 * 1024 ** 3))
    const large = await h.run(recreate)
    t.match(large.failures.join(), /10 GB are less than the image's/)
    t.strictSame(await h.told(), [], 'nothing was touched')
    t.equal(key(), first)
    h.hosts.write('a', 'srv/image-size', '1')

    h.hosts.write('a', 'srv/fail-undefine', '')
    t.match((await h.run(recreate)).failures.join(), /undefine failed/)
    t.equal(key(), first, 'it is there, so its key is')
    await h.hosts.sh('a', 'rm /srv/fail-undefine')
    t.strictSame((await h.run()).changed, ['a VM b'], 'it is started again')
    t.equal(await h.hosts.sh('a', 'cat /srv/state-b').then(o => o.stdout), 'running\n')

    mkdirSync(`${knownHostsFile}.fmc-new`)
    await h.told()
    const begun = Date.now()
    t.equal((await h.run(recreate, { begun })).code, 2)
    t.match(await h.told(), ['shutdown b', /^undefine b/], 'an interruption between the two')
    rmdirSync(`${knownHostsFile}.fmc-new`)
    const planned = await h.run({}, { dryRun: true })
    const done = await h.run({})
    t.match(done, { code: 0, changed: planned.changed, recap: { unpredicted: 0, unneeded: 0 } })
    t.not(key(), first, 'made by the next run, without the wish')

    const forecast = await h.run(recreate, { dryRun: true })
    t.match(forecast.changed, ['a no old VM b', `a local file ${knownHostsFile}`, 'a VM b'])
    const again = await h.run(recreate)
    t.match(again, { code: 0, failures: [], recap: { unpredicted: 0, unneeded: 0 } })
    t.strictSame(again.changed, forecast.changed)
  },
)

void t.test('two added disks are attached; a host key left by a killed run is removed', async t => {
  const h = new Hypervisor(t, { b: 'a' })
  const { file } = await h.hosts.inventory()
  await h.hosts.sh('a', 'mkdir -p /srv/pool/.b.Xy12ab && echo KEY >/srv/pool/.b.Xy12ab/config.ign')
  t.match(await h.run(), { code: 0, failures: [] })
  const hidden = 'find /srv/pool -name ".b*"'
  t.equal((await h.hosts.sh('a', hidden)).stdout, '')
  await h.told()
  const disks = '[{ name: one, size: 1GB }, { name: two, size: 2GB }]'
  writeFileSync(file, readFileSync(file, 'utf8').replace('vm_on: a,', `vm_on: a, disks: ${disks},`))
  // A trap of one would have replaced the other's: nothing is put into a file.
  h.hosts.program('a', 'mktemp', 'exit 1')
  t.strictSame((await h.run({}, { dryRun: true })).changed, ['a VM b'])
  t.match(
    (await h.run()).tasks.find(e => e.task === 'VM b'),
    { status: 'changed' },
  )
  t.match((await h.told()).join(), /attach-device b .*attach-device b /)
  t.strictSame((await h.hosts.sh('a', 'cat /srv/attached')).stdout.match(/<serial>\w+/g), [
    '<serial>one',
    '<serial>two',
  ])
})

void t.test('while libvirt is stopped, its VMs do not count as missing', async t => {
  const h = new Hypervisor(t, { b: 'a', c: 'a' })
  t.match(await h.run(), { code: 0, failures: [] })
  await h.told()
  const stop = () => h.hosts.sh('a', 'rm -f /srv/running')
  h.hosts.program('a', 'ping', 'exit 0')
  await stop()
  const run = await h.run()
  t.match(run, { code: 0, failures: [], recap: { unpredicted: 0, unneeded: 0 } })
  t.notMatch(run.changed, /VM/)
  t.strictSame(await h.told(), [])

  await stop()
  const recreate = await h.run({ hypervisor_recreate: ['b'] }, { dryRun: true })
  t.match(recreate.failures, [/libvirt is down: cannot tell when b was created/])

  await h.hosts.sh('a', 'rm /srv/pool/c.qcow2 /srv/domains/c')
  h.hosts.program('a', 'ping', 'exit 1')
  const planned = await h.run({}, { dryRun: true })
  const made = await h.run()
  t.match(made, { code: 0, changed: planned.changed, recap: { unpredicted: 0, unneeded: 0 } })
  t.match(made.changed.join(), /a VM c$/)
})

void t.test('only what does not exist yet needs space', async t => {
  const h = new Hypervisor(t, { b: 'a, disks: [{ name: data, size: 500GB }]' })
  const room = (gigabytes: number) => h.hosts.write('a', 'srv/free', String(gigabytes * 1024 ** 3))
  room(509)
  t.match((await h.run()).failures, [/has room for .* new disks may grow to 510.0 GB/])
  room(510)
  t.match(await h.run(), { code: 0, failures: [] })
  room(1)
  const recreate = { hypervisor_recreate: ['b'] }
  t.match(await h.run(recreate), { code: 0, failures: [] }, 'its data disk stays')
  await h.hosts.sh('a', 'rm /srv/domains/b /srv/pool/b.qcow2')
  t.match((await h.run()).failures, [/new disks may grow to 10.0 GB/], 'as one that was kept does')
})

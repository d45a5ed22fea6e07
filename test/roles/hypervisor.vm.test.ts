// From a bare hypervisor to VMs that really boot, under QEMU's emulation, from the lab's cloud image.
import { createHash } from 'node:crypto'
import { copyFileSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { until } from '../rig/until.ts'
import { rig, type FmcRun, type Rig } from '../rig/lab.ts'
import { reach } from '../rig/reach.ts'
import { skipVm } from '../rig/vm.ts'

/** The VM that the lab's hypervisor makes by default: no machine of the lab's own has its address. */
const VM = 'infra-cluster'
/** One with its card in the LAN's bridge. */
const SECOND = 'loadbalancer1'
const ROLE = ['role', 'hypervisor', 'hypervisor'] as const
const POOL = '/var/lib/libvirt/images'

const noteOf = (run: FmcRun, vm = VM): string =>
  run.tasks.find(e => e.task === `VM ${vm}`)?.note ?? ''
const fine = (t: Test, run: FmcRun, message: string) =>
  t.equal(run.code, 0, `${message} ${run.failures.join('\n')}`)
const refused = (t: Test, run: FmcRun, why: RegExp, message: string) => {
  t.equal(run.code, 2, message)
  t.match(run.failures.join('\n'), why, message)
}

/** The lab's image replaced for a while, as a wrong pin or a damaged download would be. */
async function withImage<T>(
  r: Rig,
  image: { path?: string; sha256?: string },
  body: () => Promise<T>,
) {
  const file = join(r.state.dir, 'state.json')
  const before = readFileSync(file, 'utf8')
  const state = JSON.parse(before) as { artifacts: Record<string, object> }
  Object.assign(state.artifacts['image-debian'] ?? {}, image)
  writeFileSync(file, JSON.stringify(state))
  return body().finally(() => writeFileSync(file, before))
}

void t.test('a hypervisor and its VMs', { skip: skipVm, timeout: 2_400_000 }, async t => {
  const r = await rig(t, 'hypervisor-vm', { hosts: ['hypervisor'] })
  const host = (script: string) => r.text('hypervisor', script)
  const virsh = (words: string) => host(`virsh -q ${words}`)
  const dumps = async (vm = VM) =>
    (await virsh(`dumpxml ${vm}`)) + (await virsh(`dumpxml --inactive ${vm}`))
  const known = (vm: string) =>
    readFileSync(join(r.state.dir, 'known_hosts.vms'), 'utf8')
      .split('\n')
      .filter(line => line.includes(vm))
  /** Everything that a second run must not touch; a reloaded chain has other handles. */
  const state = async () =>
    (await dumps()) +
    (await host(
      `for n in $(virsh net-list --all --name); do virsh net-dumpxml $n; virsh net-dumpxml --inactive $n; done
       nft -sa list table inet fmc; wg showconf wg0; ip -4 addr; ip -4 route`,
    ))
  const timed = async (t: Test, what: string, body: () => Promise<FmcRun>) => {
    const start = performance.now()
    const run = await body()
    t.comment(`${what}: ${Math.round((performance.now() - start) / 1000)} s`)
    return run
  }

  await t.test('what cannot work is refused before anything is changed', async t => {
    const wrong = await withImage(r, { sha256: 'a'.repeat(64) }, () => r.fmc(...ROLE, '--dry-run'))
    refused(
      t,
      wrong,
      /its sha256 is [0-9a-f]{64}, expected a{64}/,
      'an image with a wrong checksum',
    )

    await host('mkdir -p /small; mount -t tmpfs -o size=64m small /small')
    const full = await r.fmc(...ROLE, '--dry-run', '-e', 'hypervisor_pool_path=/small/pool')
    refused(t, full, /\/small\/pool has room for 0.1 GB/, 'a pool without space')
    await host('umount /small')

    await host('ip address add 10.17.3.11/32 dev lo')
    const taken = await r.fmc(...ROLE, '--dry-run')
    refused(t, taken, /10.17.3.11, the address of infra-cluster, answers already/, 'taken')
    await host('ip address del 10.17.3.11/32 dev lo')
  })

  await t.test(
    'the whole site is planned before it exists, and VMs that can boot become as planned',
    async t => {
      const planned = await timed(t, 'dry run', () => r.fmc('play', 'site', '--dry-run'))
      fine(t, planned, 'the dry run')
      const of = (run: FmcRun, name: string) =>
        run.changed.filter(line => line.startsWith(`${name} `))
      const hosts = planned.events.flatMap(e => (e.type === 'start' ? e.hosts : []))
      t.equal(hosts.length, 12)
      for (const name of hosts) {
        t.ok(of(planned, name).length > 0, name)
        t.comment(`${name}: ${of(planned, name).length} changes planned`)
      }
      t.strictSame(
        planned.recap?.new,
        hosts.filter(h => h !== 'hypervisor'),
      )

      const done = await timed(t, 'run', () => r.fmc('play', 'site'))
      t.match(done.recap, { failed: 0, unpredicted: 0, unneeded: 0 }, done.failures.join('\n'))
      t.equal(done.code, 4, 'hosts that the lab cannot boot are unreachable')
      const ofOthers = new RegExp(`/VM (?!${VM}$)|known_hosts\\.vms #|/image-(?!debian-)`)
      t.strictSame(
        of(done, 'hypervisor'),
        of(planned, 'hypervisor').filter(line => !ofOthers.test(line)),
      )
      t.strictSame(of(done, VM), of(planned, VM))
      t.comment(`done: ${of(done, 'hypervisor').length} + ${of(done, VM).length}, as planned`)

      const before = await state()
      const again = await timed(t, 'second run', () => r.fmc('play', 'site'))
      t.strictSame(again.changed, [])
      t.equal(await state(), before, 'virsh, nft and wg say the same, byte for byte')
    },
  )

  await t.test('the VM has the address and the keys of the plan', async t => {
    t.match(known(VM), [/^10\.17\.3\.11,infra-cluster ssh-ed25519 AAAA\S+$/])
    t.notMatch(await virsh(`dumpxml ${VM}`), /PRIVATE KEY/)
    const facts = await r.fmc('facts', VM)
    t.match(facts.stdout, /"hostname":"infra-cluster".*"eth0 10\.17\.3\.11\/24"/)
    const dns = { to: '10.17.3.11', proto: 'tcp', port: 53 } as const
    t.strictSame(await reach(r.state, undefined, [dns]), [true], 'through the firewall')
    await host(
      `nft 'insert rule inet fmc forward ip daddr 10.17.3.11 tcp dport 53 drop comment "test"'`,
    )
    t.strictSame(await reach(r.state, undefined, [dns]), [false], 'there is no other way')
    fine(t, await r.fmc('role', 'firewall', 'hypervisor'), 'put back')
    t.strictSame(await reach(r.state, undefined, [dns]), [true])
  })

  await t.test('drift is reported, and left alone', async t => {
    const before = await dumps()
    await virsh(`setmem ${VM} 480M --live --config`)
    const memory = await r.fmc(...ROLE, '-e', `hypervisor_vms=[${VM}]`, '--dry-run')
    fine(t, memory, 'the dry run')
    t.match(noteOf(memory), /drift, left as it is: it has only 480 MB of its 512 MB/)
    t.strictSame(memory.changed, [])
    t.match(await virsh(`dumpxml --inactive ${VM}`), /<currentMemory unit='KiB'>491520</)
    await virsh(`setmem ${VM} 512M --live --config`)
    await until(async () => (await dumps()) === before, 60, 'the guest has its memory back')

    const seed = await r.fmc(...ROLE, '-e', 'hypervisor_dns_upstreams=[10.9.9.9]')
    fine(t, seed, 'the run')
    t.match(noteOf(seed), /first-boot configuration differs \(dns\): recreate required/)
    t.strictSame(seed.changed, [])
    t.equal(await dumps(), before)
  })

  await t.test('a VM that does not answer shows how its console ended', async t => {
    await virsh(`suspend ${VM}`)
    const silent = await r.fmcInVain(...ROLE)
    refused(t, silent, /infra-cluster does not answer at 10.17.3.11/, 'told')
    t.match(silent.failures.join('\n'), /the console of infra-cluster .* ends:\n.*\S/)
    t.match(noteOf(silent), /it is paused/)
    await virsh(`resume ${VM}`)
  })

  const second = ['-e', `hypervisor_vms=[${SECOND}]`]

  await t.test('a domain of somebody else and a broken image are refused', async t => {
    const xml = `<domain type="qemu"><name>${SECOND}</name><memory unit="MiB">64</memory><os><type arch="x86_64">hvm</type></os></domain>`
    await r.on('hypervisor', 'cat >/tmp/x.xml; virsh -q define /tmp/x.xml; rm /tmp/x.xml', xml)
    const foreign = await r.fmc(...ROLE, ...second, '--dry-run')
    refused(
      t,
      foreign,
      /the name loadbalancer1 belongs to the domain .*fmc did not create/,
      'its name',
    )
    await virsh(`undefine ${SECOND}`)

    const before = await host(`ls -A ${POOL}`)
    const path = join(t.testdir(), 'image.qcow2')
    copyFileSync(r.state.artifacts['image-debian']?.path ?? '', path)
    truncateSync(path, 20_000_000)
    const sha256 = createHash('sha256').update(readFileSync(path)).digest('hex')
    const run = await withImage(r, { path, sha256 }, () => r.fmc(...ROLE, ...second))
    refused(t, run, /validation failed.*exit code/, 'an image that is not whole')
    t.equal(await host(`ls -A ${POOL}`), before)
  })

  await t.test('libvirt is restarted while a VM is made', async t => {
    // Five starts within ten seconds are what systemd allows (DefaultStartLimitBurst=).
    const restarts = host(
      'set -e; for i in 1 2 3 4; do systemctl restart virtqemud virtstoraged virtnetworkd; sleep 2.5; done',
    )
    const run = await r.fmc(...ROLE, ...second, '-e', 'hypervisor_boot_seconds=1')
    await restarts
    const made = run.tasks.find(e => e.task === `VM ${SECOND}`)
    t.equal(made?.status, 'changed', run.failures.join('\n'))
    t.match(
      run.failures.join('\n'),
      /loadbalancer1 does not answer at 192.168.0.30/,
      'it has had a second to boot',
    )
    t.equal(await virsh(`domstate ${SECOND}`), 'running')
    t.equal(await virsh(`domstate ${VM}`), 'running', 'the other one goes on')
  })

  await t.test('a VM is recreated when hypervisor_recreate names it', async t => {
    const [before, created] = [known(SECOND), await virsh(`dumpxml ${SECOND}`)]
    const anew = [...second, '-e', `hypervisor_recreate=[${SECOND}]`]
    const run = await timed(t, 'recreate', () => r.fmc(...ROLE, ...anew))
    fine(t, run, 'it answers with its new key')
    const gone = run.tasks.find(e => e.task === `no old VM ${SECOND}`)
    t.match(gone?.changes[0]?.what, /remove it; its data disks stay/)
    t.match(run.recap, { unpredicted: 0, unneeded: 0 })
    t.not(await virsh(`dumpxml ${SECOND}`), created)
    t.equal(known(SECOND).length, 1, 'one key')
    t.strictNotSame(known(SECOND), before, 'and it is new')
    t.match((await r.fmc('facts', SECOND)).stdout, /"hostname":"loadbalancer1"/)
  })

  await t.test('both shut down and start with the hypervisor', async t => {
    const shutDowns = async (vm: string) =>
      Number(await host(`grep -c 'reboot: Power down' /var/log/libvirt/qemu/${vm}-console.log ||:`))
    const before = [await shutDowns(VM), await shutDowns(SECOND)]
    const booted = await timed(t, 'reboot', () => r.fmc('role', 'reboot', 'hypervisor'))
    fine(t, booted, 'the reboot')
    t.strictSame(
      [await shutDowns(VM), await shutDowns(SECOND)],
      before.map(n => n + 1),
      'no VM lost data that was not written yet',
    )
    const both = ['-e', `hypervisor_vms=[${VM}, ${SECOND}]`]
    const run = await timed(t, 'until both answer', () => r.fmc(...ROLE, ...both))
    fine(t, run, 'they answer')
    t.strictSame(run.changed, [])
    fine(t, await r.fmc('role', 'coredns-chrony', VM, '--dry-run', '--exit-code'), 'as it was')
  })

  await t.test('a VM is removed, and its disk kept', async t => {
    const args = ['play', 'remove', '--limit', VM, '-e', 'remove_disks=keep']
    const planned = await r.fmc(...args, '--dry-run')
    fine(t, planned, 'the dry run')
    t.equal(await virsh(`domstate ${VM}`), 'running')
    const done = await timed(t, 'remove', () => r.fmc(...args, '-e', `confirm=${VM}`))
    fine(t, done, 'the run')
    t.strictSame(done.changed, planned.changed)
    t.match(done.recap, { unpredicted: 0, unneeded: 0 })
    t.strictSame((await virsh('list --all --name')).trim().split(/\s+/), [SECOND])
    const files = (await host(`ls -A ${POOL}`)).split('\n').filter(f => f.includes(VM))
    t.match(files, [/^infra-cluster\.qcow2\.removed-\d{8}T\d{6}Z$/])
    t.equal(files.length, 1, 'nor its first-boot configuration')
    const again = await r.fmc(...args, '-e', `confirm=${VM}`)
    fine(t, again, 'a second run')
    t.strictSame(again.changed, [])
  })
})

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { proveRole, rig } from '../rig/lab.ts'
import { answers, outageOf } from '../rig/outage.ts'
import { until } from '../rig/until.ts'

const ROLE = ['role', 'hypervisor', 'hypervisor']
const ONE = '10.17.3.11'
const TWO = '10.17.4.21'
const HIDDEN = '10.17.5.9'

/** A hypervisor with a VM in each of its networks; the second one's name is no device's name. */
const INVENTORY = `timezone: UTC
domain: cloud.internal
networks:
  lan: { cidr: 192.168.0.0/24, mode: bridge, bridge: br0, gateway: 192.168.0.1 }
  inner: { cidr: 10.17.3.0/24, mode: open, gateway: 10.17.3.1, router: hypervisor }
  a_network_of_many_words: { cidr: 10.17.4.0/24, mode: open, gateway: 10.17.4.1, router: hypervisor }
  private: { cidr: 10.17.5.0/24, mode: nat, gateway: 10.17.5.1, router: hypervisor }
hosts:
  hypervisor: { os: debian 12, nics: [{ network: lan, address: 192.168.0.40, device: br0 }] }
  one: { os: debian 12, vm_on: hypervisor, vcpu: 1, memory: 1GB, root_disk: 4GB, nics: [{ network: inner, address: ${ONE} }] }
  two: { os: debian 12, vm_on: hypervisor, vcpu: 1, memory: 900TB, root_disk: 4GB, nics: [{ network: a_network_of_many_words, address: ${TWO} }] }
  hidden: { os: debian 12, vm_on: hypervisor, vcpu: 1, memory: 1GB, root_disk: 4GB, nics: [{ network: private, address: ${HIDDEN} }] }
`

void t.test('a hypervisor of the lab', { timeout: 900_000 }, async t => {
  const dir = mkdtempSync(join(tmpdir(), 'fmc-hypervisor-'))
  t.teardown(() => rmSync(dir, { recursive: true }))
  const file = join(dir, 'inventory.yaml')
  writeFileSync(file, INVENTORY)
  const r = await rig(t, 'test-hypervisor', { inventory: file })
  const host = (script: string) => r.text('hypervisor', script)
  const changes = (run: { readonly changed: readonly string[] }) =>
    run.changed.map(c => c.replace('hypervisor hypervisor/', ''))
  /** The cables of the lab's machines follow a bridge that has come or gone some time later. */
  const reach = async (message: string) => {
    t.equal((await r.on('one', `ping -c1 -w30 ${TWO}`)).code, 0, `${message}: one reaches two`)
  }
  /** All that a second run must not touch. */
  const state = () =>
    host(
      `for n in $(virsh net-list --all --name); do virsh net-dumpxml $n; virsh net-dumpxml --inactive $n; done
       ip -j addr; ip route; bridge link; cat /sys/class/net/*/address`,
    )

  await t.test('what cannot run is refused before anything is changed', async t => {
    const run = await r.fmc(
      ...ROLE,
      '-e',
      'hypervisor_emulation=false',
      '-e',
      'hypervisor_vms=[one, two]',
    )
    t.equal(run.code, 2)
    t.strictSame(run.changed, [])
    t.match(
      run.failures[0],
      /nothing was changed: .*need 921\d+ GB of memory .*more than the [\d.]+ GB that the host has/,
    )
    t.not((await r.on('hypervisor', 'command -v virsh')).code, 0)
  })

  await t.test('a wrong NIC in the bridge cuts the host off: it comes back by itself', async t => {
    await host(
      'ip link add eth9 type veth peer name peer9; ip link set eth9 up; ip link set peer9 up',
    )
    const cut = ['-e', 'hypervisor_uplink=eth9', '-e', 'hypervisor_guard_seconds=8']
    const { result: run, seconds } = await outageOf(r, '192.168.0.40', () => r.fmc(...ROLE, ...cut))
    t.equal(run.code, 2)
    t.match(run.failures.join(), /undone at .* was not confirmed/)
    const bridge = run.tasks.find(e => e.task === 'bridge br0')
    t.match(bridge?.changes[0]?.what, 'move 192.168.0.40 from eth0 to a bridge over eth9')
    t.match(await host('ip -br -4 addr show dev eth0'), / 192.168.0.40\/24/)
    t.equal(await host('ls /etc/systemd/network; ls -d /sys/class/net/br0 || :'), '50-eth0.network')
    t.comment(`SSH answered again after ${seconds} s (guard of 8 s)`)
    t.ok(seconds > 4, 'it was cut off')
  })

  await t.test('from a bare machine to routed networks, then nothing to do', async t => {
    await reach('bare')
    const done = await proveRole(t, r, ...ROLE)
    t.match(changes(done).join(), /bridge br0,.*network a_network_of_many_words,network inner/)
    t.match(
      done.tasks.find(e => e.task === 'guard bridge')?.changes[0]?.what,
      /^undone at /,
      'the next run reports what happened to the one before',
    )
    t.match(await host('ip -br -4 addr show dev br0'), / 192.168.0.40\/24/)
    await reach('routed')
    t.match(await host('bridge link show dev eth1'), / master inner /)
    t.equal(await host('ip -4 -o addr show dev eth1'), '', 'the cable has no address of its own')
    const before = await state()
    t.strictSame((await r.fmc(...ROLE)).changed, [])
    t.equal(await state(), before, 'byte for byte')
  })

  await t.test(
    'a network of mode nat gets out with the hypervisor’s address; nothing gets in',
    async t => {
      const seenAs = async (host: string) => {
        const server = `const s = net.createServer(c => { console.log(c.remoteAddress); c.destroy(); s.close() }).listen(7070, '192.168.0.1')`
        const [{ stdout }] = await Promise.all([
          r.inLan('timeout', '20', process.execPath, '-e', server),
          r.inNetworkOf(
            host,
            ...['timeout', '20', 'bash', '-c'],
            'until exec 3<>/dev/tcp/192.168.0.1/7070; do sleep 0.1; done 2>/dev/null',
          ),
        ])
        return stdout.trim()
      }
      t.equal(await seenAs('hidden'), '192.168.0.40')
      t.equal(await seenAs('one'), ONE, 'mode open hides no address')
      t.notOk(await answers(r, HIDDEN))
      await until(() => answers(r, ONE), 30, `${ONE} answers`)
    },
  )

  await t.test('a network that was stopped by hand is started again', async t => {
    await host('virsh net-destroy inner')
    t.not((await r.on('two', `ping -c1 -W1 ${ONE}`)).code, 0, 'nothing else carries the packets')
    const done = await proveRole(t, r, ...ROLE)
    t.strictSame(changes(done), ['network inner'])
    await reach('started')
    await host('virsh net-destroy inner')
    const [run] = await Promise.all([
      r.fmc(...ROLE),
      host('for i in 1 2 3; do systemctl restart libvirtd; sleep 0.7; done'),
    ])
    t.equal(run.code, 0, `libvirt restarted meanwhile ${run.failures.join()}`)
    await reach('libvirt restarted')
  })

  await t.test(
    'iptables drops what it forwards, as with Docker: packets pass all the same',
    async t => {
      await host(
        'iptables -P FORWARD DROP; iptables -N DOCKER-USER; iptables -I FORWARD -j DOCKER-USER',
      )
      // Not by SSH, whose packets the hypervisor drops as well.
      const tried = await r.inNetworkOf(
        'one',
        'timeout',
        '2',
        'bash',
        '-c',
        `: </dev/tcp/${TWO}/22`,
      )
      t.equal(tried.code, 124, 'no packet passes')
      const done = await proveRole(t, r, ...ROLE)
      t.strictSame(changes(done), [
        'file /etc/systemd/system/fmc-forward.service',
        'handler restart fmc-forward',
        'service fmc-forward',
      ])
      await reach('accepted')
      t.notOk(await answers(r, HIDDEN), 'nothing gets into a network of mode nat')
      await host('iptables -F DOCKER-USER')
      t.strictSame(changes(await proveRole(t, r, ...ROLE)), ['iptables accepts routed packets'])
      await reach('accepted again')
      await host('iptables -t raw -A PREROUTING -i inner -j DROP')
      const lost = await r.fmcInVain(...ROLE)
      t.equal(lost.code, 2)
      t.match(lost.failures.join(), /no packet gets from inner to a_network_of_many_words/)
      t.equal(await host('ls /sys/class/net | grep -c fmc-try || :'), '0')
      await host(
        'iptables -t raw -F; iptables -P FORWARD ACCEPT; iptables -F DOCKER-USER; iptables -D FORWARD -j DOCKER-USER; iptables -X DOCKER-USER',
      )
      t.strictSame((await r.fmc(...ROLE)).changed, [])
    },
  )

  await t.test('networks that somebody else has made are taken over', async t => {
    const foreign = 'f0c1d2e3-0000-4000-8000-000000000001'
    const xml = `<network><name>inner</name><uuid>${foreign}</uuid><bridge name="virbr7"/><ip address="10.17.99.1" prefix="24"/></network>`
    const make = () =>
      host(`virsh net-destroy inner; virsh net-undefine inner
        printf %s '${xml}' | virsh net-define /dev/stdin`)
    await make()
    t.strictSame(changes(await proveRole(t, r, ...ROLE)), ['network inner'])
    t.match(await host('virsh net-dumpxml inner'), foreign, 'a UUID cannot change')
    await reach('one that was off')

    await make()
    await host('virsh net-start inner')
    const refused = await r.fmc(...ROLE)
    t.match(refused.failures[0], /inner differs from the inventory/)
    const done = await proveRole(t, r, ...ROLE, '-e', 'hypervisor_restart_networks=true')
    t.strictSame(changes(done), ['network inner'])
    await reach('one that ran')
  })

  await t.test('a libvirt that was stopped and disabled runs again', async t => {
    await host('systemctl disable -q --now libvirtd.service libvirtd{,-ro,-admin}.socket')
    const done = await proveRole(t, r, ...ROLE)
    t.match(changes(done).join(), /^daemon libvirtd,/)
    await reach('it runs again')
  })

  await t.test('a network in use changes only when that is allowed', async t => {
    await host(
      `virsh net-dumpxml --inactive inner | sed 's/\\(hash=.\\)[0-9a-f]*/\\1old/' | virsh net-define /dev/stdin
       virsh net-destroy inner; virsh net-start inner`,
    )
    const refused = await r.fmc(...ROLE)
    t.equal(refused.code, 2)
    t.match(
      refused.failures[0],
      /inner differs from the inventory \(specification old → [0-9a-f]{12}\)/,
    )
    await reach('refused')
    const done = await proveRole(t, r, ...ROLE, '-e', 'hypervisor_restart_networks=true')
    t.strictSame(changes(done), ['network inner'])
    t.notMatch(await host('virsh net-dumpxml inner'), /old/)
    await reach('changed')
  })
  await t.test('a reboot changes nothing', async t => {
    const boot = await host(
      'cat /proc/sys/kernel/random/boot_id; systemctl show -P UserspaceTimestampMonotonic',
    )
    await r.on('hypervisor', 'systemctl reboot')
    const booted = async () => {
      const now = await r.on(
        'hypervisor',
        'cat /proc/sys/kernel/random/boot_id; systemctl show -P UserspaceTimestampMonotonic; systemctl is-system-running --wait >/dev/null',
      )
      return now.stdout.trim() !== boot && now.stdout.trim() !== ''
    }
    await until(booted, 120, 'the hypervisor is back')
    t.equal((await r.fmc(...ROLE, '--dry-run', '--exit-code')).code, 0)
    await reach('rebooted')
  })
})

// The hypervisor's roles on its own family, Rocky Linux: dnf, libvirt's modular daemons, nmstate, firewalld.
import { join } from 'node:path'
import t from 'tap'
import { proveRole, rig } from '../rig/lab.ts'
import { until } from '../rig/until.ts'

const INVENTORY = `timezone: UTC
domain: cloud.internal
networks:
  lan: { cidr: 192.168.0.0/24, mode: bridge, bridge: br0, gateway: 192.168.0.1 }
  inner: { cidr: 10.17.3.0/24, mode: open, gateway: 10.17.3.1, router: hypervisor }
  vpn: { cidr: 10.17.0.0/24, mode: wireguard, gateway: 10.17.0.1, router: hypervisor }
hosts:
  hypervisor:
    os: rocky 9.5
    nics: [{ network: lan, address: 192.168.0.40, device: br0 }]
    vars:
      wireguard_peers: [{ name: laptop, address: 10.17.0.10, private_key: !secret wireguard_laptop }]
      firewall_flows:
        - { from: lan, to: [hypervisor, inner], ports: [22] }
        - { from: lan, to: hypervisor, ports: [51820/udp] }
  inside: { os: debian 12, vm_on: hypervisor, vcpu: 1, memory: 1GB, root_disk: 4GB, nics: [{ network: inner, address: 10.17.3.9 }] }
`

void t.test('a hypervisor that is Rocky Linux', { timeout: 900_000 }, async t => {
  const file = join(t.testdir({ 'inventory.yaml': INVENTORY }), 'inventory.yaml')
  const r = await rig(t, 'hypervisor-el', { inventory: file })
  const host = (script: string) => r.text('hypervisor', script)
  const reached = async () => (await r.on('inside', 'true')).code === 0
  const role = (name: string) => ['role', name, 'hypervisor'] as const
  const changes = (run: { readonly changed: readonly string[] }) =>
    run.changed.map(c => c.replace('hypervisor ', ''))

  // The lab's own leave to route, which a real host has not.
  await host('rm /etc/firewalld/policies/fmc-lab.xml; firewall-cmd -q --reload')
  t.not((await r.on('inside', 'true')).code, 0, 'firewalld is in the way')

  await t.test('hypervisor: the bridge by nmstate, networks by virtnetworkd', async t => {
    const done = await proveRole(t, r, ...role('hypervisor'))
    t.ok(changes(done).includes('hypervisor/bridge br0'), done.changed.join())
    t.match(await host('ip -br -4 addr show dev br0'), / 192\.168\.0\.40\/24/)
    await until(reached, 30, 'firewalld lets the host route')
    t.match(await host('virsh net-list --name'), 'inner')
    t.equal(
      await host('systemctl is-enabled virtqemud.socket virtnetworkd.socket virtstoraged.socket'),
      'enabled\nenabled\nenabled',
    )
    await host('virsh net-destroy inner; systemctl -q disable virtstoraged.socket')
    const again = await proveRole(t, r, ...role('hypervisor'))
    t.strictSame(changes(again), ['hypervisor/daemon virtstoraged', 'hypervisor/network inner'])
  })

  await t.test('wireguard while firewalld is active: its port is opened', async t => {
    await proveRole(t, r, ...role('wireguard'))
    t.equal(await host('firewall-cmd --list-ports'), '51820/udp')
    await host('firewall-cmd -q --remove-port=51820/udp; chmod 644 /etc/wireguard/wg0.conf')
    const again = await proveRole(t, r, ...role('wireguard'))
    t.strictSame(changes(again), [
      'wireguard/file /etc/wireguard/wg0.conf',
      'wireguard/firewalld lets in 51820/udp',
      'wireguard/handler reload wireguard',
    ])
  })

  await t.test('firewall: the role replaces firewalld, and no role asks it afterwards', async t => {
    const done = await proveRole(t, r, ...role('firewall'))
    t.ok(changes(done).includes("firewall/firewalld gives way to fmc's table"))
    t.equal(await host('systemctl is-active firewalld || :'), 'inactive')
    await host('nft delete table inet fmc')
    t.strictSame(changes(await proveRole(t, r, ...role('firewall'))), ['firewall/table inet fmc'])
    t.strictSame((await r.fmc(...role('wireguard'))).changed, [])
    await until(reached, 30, 'who is behind it is reached')
  })
})

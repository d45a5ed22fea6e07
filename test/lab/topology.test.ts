import t from 'tap'
import { loadInventory } from '../../lib/inventory/load.ts'
import { topology } from '../../lib/lab/network/topology.ts'
import { ROOT } from '../rig/lab.ts'

const plan = topology(await loadInventory(`${ROOT}/inventory.yaml`), 'key')
const host = (name: string) => plan.hosts.find(h => h.name === name)

void t.test('fmc is on the LAN as the physical router and has routes to the other networks', t => {
  t.equal(plan.controllerNetns, 'fmc-key-lan')
  t.strictSame(
    plan.switches.map(s => [s.network, s.netns, s.address]),
    [
      ['lan', 'fmc-key-lan', '192.168.0.1/24'],
      ['kube_network_02', 'fmc-key-net.kube_network_02', undefined],
      ['kube_network_03', 'fmc-key-net.kube_network_03', undefined],
    ],
  )
  t.strictSame(plan.controllerRoutes, [
    { to: '10.17.3.0/24', via: '192.168.0.40' },
    { to: '10.17.4.0/24', via: '192.168.0.40' },
  ])
  t.end()
})

void t.test('the router has a cable into each network it routes, with the gateway’s address', t => {
  const router = host('hypervisor')
  t.equal(router?.forwards, true)
  t.strictSame(
    router?.links.map(l => [l.network, l.device, l.addresses]),
    [
      ['lan', 'eth0', ['192.168.0.40/24']],
      ['kube_network_02', 'eth1', ['10.17.3.1/24']],
      ['kube_network_03', 'eth2', ['10.17.4.1/24']],
    ],
  )
  t.strictSame(router?.routes, [{ to: 'default', via: '192.168.0.1' }])
  t.end()
})

void t.test('a host has its own address and the routes of its network', t => {
  t.strictSame(host('storage1')?.routes, [{ to: 'default', via: '10.17.4.1' }])
  t.strictSame(host('loadbalancer1')?.routes, [
    { to: '10.17.3.0/24', via: '192.168.0.40' },
    { to: '10.17.4.0/24', via: '192.168.0.40' },
    { to: 'default', via: '192.168.0.1' },
  ])
  t.end()
})

void t.test('device names are short enough for the kernel and unique in a namespace', t => {
  const ports = plan.hosts.flatMap(h => h.links.map(l => `${l.switchNetns} ${l.port}`))
  t.equal(new Set(ports).size, ports.length)
  for (const link of plan.hosts.flatMap(h => h.links)) t.ok(link.port.length <= 15, link.port)
  const macs = plan.hosts.flatMap(h => h.links.map(l => l.mac))
  t.equal(new Set(macs).size, macs.length)
  t.end()
})

void t.test('an inventory without a network for fmc is refused', async t => {
  const inventory = await loadInventory(`${ROOT}/inventory.yaml`)
  const networks = new Map([...inventory.networks].filter(([name]) => name !== 'lan'))
  t.throws(() => topology({ ...inventory, networks }, 'key'), /router is not in the inventory/)
})

void t.test('a VPN has no cables: its hosts make it themselves', async t => {
  const inventory = await loadInventory(`${ROOT}/inventory.yaml`)
  const lan = inventory.networks.get('lan')
  const hypervisor = inventory.hosts.get('hypervisor')
  if (!lan || !hypervisor) throw new Error('no such inventory')
  const tunnel = { network: 'tunnel', address: '10.99.0.1', mac: undefined, device: 'wg0' }
  const more = {
    ...inventory,
    networks: new Map(inventory.networks).set('tunnel', {
      ...lan,
      name: 'tunnel',
      cidr: '10.99.0.0/24',
      mode: 'wireguard',
      gateway: '10.99.0.1',
      router: 'hypervisor',
    }),
    hosts: new Map(inventory.hosts).set('hypervisor', {
      ...hypervisor,
      nics: [...hypervisor.nics, tunnel],
    }),
  }
  t.strictSame(topology(more, 'key'), plan)
})

void t.test('a VPS is plugged in at its public address, and its name is known', async t => {
  const inventory = await loadInventory(`${ROOT}/test/inventories/architecture-2.yaml`)
  const away = topology(inventory, 'key')
  t.match(
    away.switches.find(s => s.network === 'internet 203.0.113.0/24'),
    { netns: 'fmc-key-lan', address: '203.0.113.254/24' },
    'where the LAN ends, which is its router',
  )
  const vps = away.hosts.find(h => h.name === 'vps')
  t.match(vps?.links, [{ device: 'eth0', addresses: ['203.0.113.10/24'] }])
  t.strictSame(
    vps?.routes,
    [{ to: 'default', via: '203.0.113.254' }],
    'and knows no way into the house',
  )
  for (const { names } of away.hosts) t.strictSame(names, ['203.0.113.10 vps.example.com'])
  for (const address of ['vps.example.com', '10.17.0.1']) {
    const lost = new Map(inventory.hosts)
    for (const h of inventory.hosts.values())
      if (h.name === 'vps') lost.set('vps', { ...h, address })
    t.throws(() => topology({ ...inventory, hosts: lost }, 'key'), /the lab cannot place vps: /)
  }
})

void t.test('a NIC that becomes the bridge has the name that the role looks for', async t => {
  const inventory = await loadInventory(`${ROOT}/test/inventories/architecture-3.yaml`)
  const [hypervisor] = topology(inventory, 'key').hosts
  t.equal(hypervisor?.links[0]?.device, 'enp4s0f0')
})

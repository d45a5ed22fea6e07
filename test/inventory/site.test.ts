import t from 'tap'
import { lint } from '../../lib/inventory/lint.ts'
import { loadInventory } from '../../lib/inventory/load.ts'
import { matchHosts } from '../../lib/inventory/patterns.ts'

// The cloud of today: host, address, vCPU, MB of memory, GB of root disk, GB of data disk, OS.
const CLOUD = `
hypervisor     192.168.0.40  -  35840  -  -  rocky
loadbalancer1  192.168.0.30  1    512 30  -  almalinux
loadbalancer2  192.168.0.31  1    512 30  -  almalinux
infra-cluster  10.17.3.11    1    512 32  -  almalinux
postgresql1    10.17.3.14    2   1024 32  -  almalinux
master1        10.17.4.21    2   2048 50  -  flatcar
master2        10.17.4.22    2   2048 50  -  flatcar
master3        10.17.4.23    2   2048 50  -  flatcar
worker1        10.17.4.24    3   8192 20 40  flatcar
worker2        10.17.4.25    3   8192 20 40  flatcar
worker3        10.17.4.26    3   8192 20 40  flatcar
storage1       10.17.4.27    2   4096 10 80  flatcar
`
const FILE = new URL('../../inventory.yaml', import.meta.url).pathname

void t.test('inventory.yaml is the cloud of today', async t => {
  const inventory = await loadInventory(FILE, { cache: false })
  const rows = [...inventory.hosts.values()].map(host =>
    [
      host.name,
      host.address,
      host.vcpu,
      host.memoryMb,
      host.rootDiskGb,
      host.disks[0]?.sizeGb,
      host.os.name,
    ].map(cell => String(cell ?? '-')),
  )
  t.same(
    rows,
    CLOUD.trim()
      .split('\n')
      .map(line => line.split(/ +/)),
  )
  for (const host of inventory.hosts.values()) {
    t.equal(host.os.version, host.os.name === 'flatcar' ? undefined : '9.5', host.name)
    t.equal(host.vmOn, host.name === 'hypervisor' ? undefined : 'hypervisor')
  }
  t.same(
    [...inventory.networks.values()].map(({ name, cidr, gateway }) => [name, cidr, gateway]),
    [
      ['lan', '192.168.0.0/24', '192.168.0.1'],
      ['kube_network_02', '10.17.3.0/24', '10.17.3.1'],
      ['kube_network_03', '10.17.4.0/24', '10.17.4.1'],
      ['vpn', '10.17.0.0/24', '10.17.0.1'],
    ],
  )
  const vips = [...inventory.vips.values()].map(vip => [
    `${vip.name} ${vip.address}:${vip.ports.join('/')} ${vip.check}`,
    matchHosts(inventory, vip.backends)
      .map(host => host.name)
      .join(' '),
    matchHosts(inventory, vip.balancers)
      .map(host => host.name)
      .join(' '),
  ])
  t.same(vips, [
    ['api 192.168.0.32:6443 k3s', 'master1 master2 master3', 'loadbalancer1 loadbalancer2'],
    ['web 192.168.0.33:80/443 tcp', 'worker1 worker2 worker3', 'loadbalancer1 loadbalancer2'],
  ])
  t.equal(inventory.timezone, 'Europe/Madrid')
})

void t.test(
  'all that lint says of it is that the VMs have more memory than their host',
  async t => {
    const problems = await lint(FILE)
    t.same(
      problems.map(({ severity, message }) => `${severity}: ${message}`),
      [
        'warning: the 11 VMs of hypervisor have 36.5 GB of memory together, 1.5 GB more than its 35 GB',
      ],
    )
  },
)

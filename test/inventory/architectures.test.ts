// The five architecture documents as inventories: what each says is what the roles make of it.
import { join } from 'node:path'
import t from 'tap'
import { loadInventory } from '../../lib/inventory/load.ts'
import { matchHosts } from '../../lib/inventory/patterns.ts'
import type { Problem } from '../../lib/inventory/problem.ts'
import { resolveSecrets } from '../../lib/inventory/secrets.ts'
import type { Inventory, Vip } from '../../lib/inventory/types.ts'
import { balancedBy, type Balanced } from '../../roles/haproxy-keepalived/balancing.ts'
import { exposureProblem } from '../../roles/traefik/templates.ts'
import { vars as traefikVars } from '../../roles/traefik/vars.ts'
import { newPrivateKey } from '../../roles/wireguard/keys.ts'
import { vars as wireguardVars } from '../../roles/wireguard/vars.ts'
import { tunnelOf } from '../../roles/wireguard/vpn.ts'
import { ROOT, run } from '../rig/lab.ts'

const FILES = [
  'inventory.yaml',
  ...[1, 2, 3, 4].map(n => `test/inventories/architecture-${n}.yaml`),
] as const

const key = newPrivateKey('wireguard_laptop')
const load = async (file: string): Promise<Inventory> =>
  resolveSecrets(await loadInventory(join(ROOT, file), { cache: false }), () => key)

const NFS = /^role postgresql: PostgreSQL hangs while storage1 is down/
const WARNINGS: readonly (readonly RegExp[])[] = [
  [/^the 11 VMs of hypervisor have 36\.5 GB of memory together, 1\.5 GB more than its 35 GB$/],
  [],
  [NFS],
  [NFS, /^the 12 VMs of hypervisor have 36 GB of memory together, 1 GB more than its 35 GB$/],
  [NFS, /^role addons: the add-ons ask for 9\.7 GB of memory; the 4 nodes of workers have 6 GB/],
]
for (const [n, file] of FILES.entries())
  void t.test(`architecture ${n}: lint`, async t => {
    const { stdout } = await run(
      [process.execPath, join(ROOT, 'lib/bin.js'), 'lint', '-i', file, '--json'],
      { cwd: ROOT },
    )
    const problems = JSON.parse(stdout) as Problem[]
    const expected = WARNINGS[n] ?? []
    t.equal(problems.length, expected.length, problems.map(p => p.message).join('; '))
    for (const [i, message] of expected.entries()) {
      t.equal(problems[i]?.severity, 'warning')
      t.match(problems[i]?.message, message)
    }
  })

const names = (inventory: Inventory, pattern: string): string =>
  matchHosts(inventory, pattern)
    .map(h => h.name)
    .join(' ')
const vipOf = (inventory: Inventory, name: string): Vip => {
  const vip = inventory.vips.get(name)
  if (!vip) throw new Error(`no VIP ${name}`)
  return vip
}
const webVip = (inventory: Inventory): string => {
  const web = vipOf(inventory, 'web')
  return `${web.address} to ${names(inventory, web.backends)} on ${web.backendPorts.join(' ')}${web.proxyProtocol ? ' with PROXY' : ''}`
}
const hostsOf = (inventory: Inventory, pattern: string): string =>
  matchHosts(inventory, pattern)
    .map(h => `${h.name} ${h.nics.map(nic => nic.address).join('/')}`)
    .join(', ')
const variable = (inventory: Inventory, host: string, name: string): unknown =>
  inventory.hosts.get(host)?.vars[name]

const WORKERS = 'worker1 worker2 worker3'
const THREE =
  'k8s-api-lb 10.17.5.20, loadbalancer1 10.17.5.12/10.17.3.12, loadbalancer2 10.17.5.13/10.17.3.13'

// What roles.md §3 lists as contradictions, by document.
const DOCUMENTS: Readonly<Record<string, readonly unknown[]>> = {
  host: ['192.168.0.40', '192.168.0.40', '192.168.0.15', '192.168.0.19', '192.168.0.40'],
  api: ['192.168.0.32', '192.168.0.10', '10.17.5.10', '10.17.5.10', '10.17.5.10'],
  web: [
    `192.168.0.33 to ${WORKERS} on 80 443 with PROXY`,
    `192.168.0.14 to ${WORKERS} on 8000 8443 with PROXY`,
    `10.17.5.30 to ${WORKERS} on 80 443`,
    `10.17.5.30 to ${WORKERS} on 80 443 with PROXY`,
    '10.17.5.30 to master1 master2 master3 on 30080 30443',
  ],
  balancers: [
    'loadbalancer1 192.168.0.30, loadbalancer2 192.168.0.31',
    'loadbalancer1 192.168.0.11, loadbalancer2 192.168.0.12',
    THREE,
    THREE,
    'loadbalancer1 10.17.5.12/10.17.3.12, loadbalancer2 10.17.5.13/10.17.3.13',
  ],
  infra: [
    'infra-cluster 10.17.3.11',
    'infra-cluster 192.168.0.30',
    'infra-cluster 10.17.3.11',
    'infra-cluster 10.17.3.11',
    'freeipa 10.17.3.11',
  ],
  database: Array<string>(5).fill('postgresql1 10.17.3.14'),
  servers: Array<string>(5).fill('master1 10.17.4.21, master2 10.17.4.22, master3 10.17.4.23'),
  hub: ['hypervisor', 'hypervisor', 'vps', 'hypervisor', 'vps'],
  edge: ['router', 'router', 'vps', 'host_dnat', 'vps'],
  modes: [
    'bridge open open wireguard',
    'bridge open open nat wireguard',
    'bridge open open open wireguard',
    'bridge open open open wireguard',
    'bridge open open open wireguard',
  ],
  exposure: ['servicelb', 'hostport', 'servicelb', 'servicelb', 'nodeport'],
  'PostgreSQL on NFS': [undefined, undefined, true, true, true],
  'a changing address': [undefined, undefined, undefined, 'lab.example.com', undefined],
  'server memory': [2048, 2048, 4096, 4096, 4096],
  'volumes on': [WORKERS, WORKERS, `${WORKERS} storage1`, WORKERS, `${WORKERS} storage1`],
}

void t.test('each inventory says what its document says', async t => {
  for (const [n, file] of FILES.entries()) {
    const inventory = await load(file)
    const vpn = [...inventory.networks.values()].find(network => network.mode === 'wireguard')
    const hub = vpn?.router ?? ''
    const edge = inventory.hosts.has('vps') ? 'vps' : 'hypervisor'
    const records = variable(inventory, 'hypervisor', 'ddns_records') as
      readonly { name: string }[] | undefined
    const found: Readonly<Record<keyof typeof DOCUMENTS, unknown>> = {
      host: inventory.hosts.get('hypervisor')?.nics[0]?.address,
      api: vipOf(inventory, 'api').address,
      web: webVip(inventory),
      balancers: hostsOf(inventory, 'loadbalancers'),
      infra: hostsOf(inventory, inventory.groups.has('infra') ? 'infra' : 'ipa_servers'),
      database: hostsOf(inventory, 'databases'),
      servers: hostsOf(inventory, 'k3s_servers'),
      hub,
      edge: variable(inventory, edge, 'firewall_mode') ?? 'router',
      modes: [...inventory.networks.values()].map(network => network.mode).join(' '),
      exposure: variable(inventory, 'master1', 'traefik_exposure') ?? 'servicelb',
      'PostgreSQL on NFS':
        'postgresql_data_nfs' in (inventory.hosts.get('postgresql1')?.vars ?? {}) || undefined,
      'a changing address': records?.[0]?.name,
      'server memory': inventory.hosts.get('master1')?.memoryMb,
      'volumes on': names(inventory, 'workers'),
    }
    t.same(
      found,
      Object.fromEntries(Object.entries(DOCUMENTS).map(([what, row]) => [what, row[n]])),
      file,
    )
  }
})

const summary = (b: Balanced): string =>
  `${b.name} ${b.device} ${b.source} ${b.priority} peers ${b.peers.join(' ')}`

void t.test('two or three balancers find each other where the VIPs are', async t => {
  const expected = [
    ['loadbalancer1', 'api eth0 192.168.0.30 110 peers 192.168.0.31'],
    ['loadbalancer2', 'api eth0 192.168.0.12 100 peers 192.168.0.11'],
    ['k8s-api-lb', 'api eth0 10.17.5.20 120 peers 10.17.5.12 10.17.5.13'],
    ['loadbalancer2', 'api eth0 10.17.5.13 100 peers 10.17.5.20 10.17.5.12'],
    ['loadbalancer1', 'api eth0 10.17.5.12 110 peers 10.17.5.13'],
  ] as const
  for (const [n, file] of FILES.entries()) {
    const inventory = await load(file)
    const [name = '', text = ''] = expected[n] ?? []
    const host = inventory.hosts.get(name)
    if (!host) throw new Error(name)
    const balanced = balancedBy(host, [...inventory.vips.values()], pattern =>
      matchHosts(inventory, pattern),
    )
    t.equal(balanced[0] && summary(balanced[0]), text, file)
    t.same(
      balanced.map(b => b.servers.length),
      [3, 3],
    )
  }
})

void t.test('Traefik is where the balancers look for it', async t => {
  for (const file of FILES) {
    const inventory = await load(file)
    const vars = traefikVars.parse(inventory.hosts.get('master1')?.vars)
    t.equal(exposureProblem(vipOf(inventory, 'web'), vars), undefined, file)
    const backends = matchHosts(inventory, vipOf(inventory, 'web').backends)
    const labelled = [...inventory.hosts.values()].filter(
      host =>
        (host.vars['k3s_node_labels'] as Record<string, string> | undefined)?.[
          'svccontroller.k3s.cattle.io/enablelb'
        ] === 'true',
    )
    t.same(labelled, backends, 'it runs on the backends and nowhere else')
  }
})

void t.test('the tunnel: who dials whom, and what is behind it', async t => {
  const inner = ['10.17.3.0/24', '10.17.4.0/24', '10.17.5.0/24']
  for (const [file, name, expected] of [
    ['inventory.yaml', 'hypervisor', []],
    ['test/inventories/architecture-1.yaml', 'hypervisor', [['laptop', '10.17.0.10/32']]],
    [
      'test/inventories/architecture-2.yaml',
      'vps',
      [
        ['hypervisor', '10.17.0.2/32', ...inner],
        ['laptop', '10.17.0.130/32'],
      ],
    ],
    ['test/inventories/architecture-2.yaml', 'hypervisor', [['vps', '10.17.0.0/24']]],
    ['test/inventories/architecture-3.yaml', 'hypervisor', [['laptop', '10.17.0.10/32']]],
    [
      'test/inventories/architecture-4.yaml',
      'vps',
      [
        ['laptop', '10.17.0.130/32'],
        ['pfsense', '10.17.0.2/32', '192.168.0.0/24', ...inner],
      ],
    ],
    ['test/inventories/architecture-4.yaml', 'hypervisor', undefined],
  ] as const) {
    const inventory = await load(file)
    const host = inventory.hosts.get(name)
    if (!host) throw new Error(name)
    const tunnel = tunnelOf(inventory, host, wireguardVars.parse(host.vars))
    t.same(
      tunnel?.peers.map(p => [p.name, ...p.allowed]),
      expected,
      `${file} ${name}`,
    )
    if (file.includes('-2') && name === 'hypervisor') {
      t.equal(tunnel?.peers[0]?.endpoint, 'vps.example.com:51820')
      t.equal(tunnel?.peers[0]?.keepalive, 25, 'it keeps the way through the router open')
      t.equal(tunnel?.forwards, true)
    }
  }
})

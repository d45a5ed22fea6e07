// Who gets where in each of the five architectures, by the firewalls that their inventories declare.
import { join } from 'node:path'
import t from 'tap'
import { endsOf, explain } from '../../lib/firewall/path.ts'
import { portsOf, rulesOf, type RuleSet } from '../../lib/firewall/rules.ts'
import { loadInventory } from '../../lib/inventory/load.ts'
import type { Inventory } from '../../lib/inventory/types.ts'
import { vars } from '../../roles/firewall/vars.ts'
import { ROOT } from '../rig/lab.ts'

const firewalls = (inventory: Inventory): ReadonlyMap<string, RuleSet> =>
  new Map(
    [...inventory.hosts.values()]
      .filter(host => 'firewall_flows' in host.vars)
      .map(host => [host.name, rulesOf(inventory, host, vars.parse(host.vars))]),
  )

type Row = readonly [from: string, to: string, port: string | number, verdict: string]

/** What every architecture has in common. */
const ALL: readonly Row[] = [
  ['wan', 'master1', 6443, 'drop'],
  ['wan', 'master1', 22, 'drop'],
  ['wan', 'worker1', 80, 'drop'],
  ['wan', 'postgresql1', 5432, 'drop'],
  ['wan', 'hypervisor', 22, 'drop'],
  ['lan', 'hypervisor', 22, 'accept'],
  ['lan', 'master1', 22, 'accept'],
  ['lan', 'master1', 6443, 'drop'],
  ['loadbalancer1', 'master1', 6443, 'accept'],
  ['loadbalancer2', 'master3', 6443, 'accept'],
  ['loadbalancer1', 'storage1', 2049, 'drop'],
  ['worker1', 'postgresql1', 5432, 'accept'],
  ['worker1', 'postgresql1', 22, 'drop'],
  ['worker1', 'wan', 443, 'accept'],
]
const NFS: Row = ['postgresql1', 'storage1', 2049, 'accept']
const INSIDE: readonly Row[] = [
  ['worker1', 'infra-cluster', '53/udp', 'accept'],
  ['worker1', 'infra-cluster', 22, 'drop'],
]
const VPS: readonly Row[] = [
  ['wan', 'vps', 22, 'accept'],
  ['wan', 'vps', '51820/udp', 'accept'],
  ['wan', '203.0.113.10', 22, 'accept'],
  ['wan', '203.0.113.10', 23, 'drop'],
  ['wan', 'vps', 80, 'accept'],
  ['wan', 'vps', 443, 'accept'],
  ['wan', 'vps', 6443, 'drop'],
  ['wan', 'web', 443, 'drop'],
  ['vps', 'api', 6443, 'drop'],
  ['vps', 'master1', 22, 'drop'],
  ['10.17.0.130', 'api', 6443, 'accept'],
  ['10.17.0.130', 'master1', 22, 'accept'],
]
const ROWS: Readonly<Record<string, readonly Row[]>> = {
  'inventory.yaml': [
    ...[...ALL, ...INSIDE, NFS],
    ['loadbalancer1', 'worker1', 443, 'accept'],
    ['10.17.0.10', 'master1', 6443, 'accept'],
    ['wan', 'hypervisor', '51820/udp', 'accept'],
  ],
  'architecture-1.yaml': [
    ...[...ALL, ...INSIDE],
    ['postgresql1', 'storage1', 2049, 'accept'],
    ['loadbalancer1', 'worker1', 8443, 'accept'],
    ['loadbalancer1', 'worker1', 443, 'drop'],
    ['10.17.0.10', 'master1', 6443, 'accept'],
    ['wan', 'hypervisor', '51820/udp', 'accept'],
    ['kube_network_05', 'wan', 443, 'accept'],
    ['kube_network_05', 'postgresql1', 5432, 'drop'],
  ],
  'architecture-2.yaml': [
    ...[...ALL, ...INSIDE, NFS, ...VPS],
    ['loadbalancer1', 'worker1', 443, 'accept'],
  ],
  'architecture-3.yaml': [
    ...[...ALL, ...INSIDE, NFS],
    ['wan', 'hypervisor', 80, 'accept'],
    ['wan', 'hypervisor', 443, 'accept'],
    ['wan', 'hypervisor', 6443, 'drop'],
    ['wan', 'hypervisor', '51820/udp', 'accept'],
    ['wan', 'web', 443, 'drop'],
    ['lan', 'api', 6443, 'accept'],
    ['10.17.0.10', 'api', 6443, 'accept'],
    ['loadbalancer1', 'worker1', 443, 'accept'],
  ],
  'architecture-4.yaml': [
    ...[...ALL, NFS, ...VPS],
    ['worker1', 'freeipa', '53/udp', 'accept'],
    ['loadbalancer1', 'freeipa', 88, 'accept'],
    ['loadbalancer1', 'freeipa', '464/udp', 'accept'],
    ['worker1', 'freeipa', 22, 'drop'],
    ['loadbalancer1', 'master1', 30443, 'accept'],
    ['loadbalancer1', 'worker1', 30443, 'drop'],
  ],
}

for (const [file, rows] of Object.entries(ROWS))
  void t.test(file, async t => {
    const path = file.startsWith('arch') ? join(ROOT, 'test/inventories', file) : join(ROOT, file)
    const inventory = await loadInventory(path, { cache: false })
    const rules = firewalls(inventory)
    for (const [source, target, port, verdict] of rows) {
      const [from, to] = endsOf(inventory, source, target)
      const { proto, first } = portsOf(port)
      const found = explain(inventory, rules, { from, to, proto, port: first })
      t.equal(
        found.verdict,
        verdict,
        `${source} → ${target} ${port}: ${found.steps.map(s => `${s.host} ${s.packet.from} ${s.verdict}`).join(', ')}`,
      )
    }
  })

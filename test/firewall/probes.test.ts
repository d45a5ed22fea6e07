import t from 'tap'
import { probeText, summaryOf } from '../../lib/cli/firewall/probe-text.ts'
import type { Result } from '../../lib/cli/firewall/probe.ts'
import { differs, type Found } from '../../lib/firewall/found.ts'
import type { HostFirewall } from '../../lib/firewall/outer.ts'
import { probesOf, type Probe } from '../../lib/firewall/probes.ts'
import { rulesOf } from '../../lib/firewall/rules.ts'
import type { Firewall } from '../../lib/firewall/types.ts'
import type { Inventory } from '../../lib/inventory/types.ts'
import { cloud, hostOf, ROUTER } from './fixture.ts'

const withRules = (
  inventory: Inventory,
  name: string,
  firewall: Firewall,
): Map<string, HostFirewall> =>
  new Map([[name, { firewall, rules: rulesOf(inventory, hostOf(inventory, name), firewall) }]])
const said = ({ from, source, to, target, port, proto, declared }: Probe): string =>
  `${from} ${source} → ${to} ${target} ${port}/${proto} ${declared}`
const listening = (entries: Record<string, string[]>) =>
  new Map(Object.entries(entries).map(([name, ports]) => [name, new Set(ports)]))

void t.test('declared flows are tried from where they start', async t => {
  const inventory = await cloud(t)
  const hosts = [...inventory.hosts.values()]
  const firewall: Firewall = {
    ...ROUTER,
    firewall_flows: [
      { from: 'lan', to: 'k3s_net', ports: [22] },
      { from: 'balancers', to: 'workers', ports: [80, '8000-8010/udp'] },
      { from: 'k3s_net', to: 'web', ports: ['any'] },
      { from: 'wan', to: 'dns', ports: [53] },
      { from: 'k3s_net', to: 'wan', ports: ['any'] },
      { from: 'any', to: 'masters', ports: [6443], comment: 'the API' },
      { from: '192.0.2.0/24', to: 'dns', ports: [99] },
    ],
  }
  const firewalls = withRules(inventory, 'hv', firewall)
  const options = { sample: 0, hosts }
  const plan = probesOf(inventory, firewalls, new Map(), options)
  const found = plan.probes.map(said)
  for (const line of [
    'lb1 192.168.0.30 → m1 10.17.4.21 22/tcp allow',
    'lb1 192.168.0.30 → w1 10.17.4.24 80/tcp allow',
    'lb2 192.168.0.31 → w1 10.17.4.24 80/tcp allow',
    'lb1 192.168.0.30 → w1 10.17.4.24 8000/udp allow',
    'm1 10.17.4.21 → web 192.168.0.33 22/tcp allow',
  ])
    t.ok(found.includes(line), `${line}\n${found.join('\n')}`)
  t.notOk(
    found.some(line => line.startsWith('lb2') && line.includes(' 22/tcp')),
    'a network is one host of it',
  )
  t.notOk(
    found.some(line => line.includes('m1 10.17.4.21 → m2')),
    'no firewall is between neighbours',
  )
  t.equal(new Set(found).size, found.length, 'none twice')
  t.match(plan.untried, [
    /^wan → dns: no host of the inventory is where it starts$/,
    /^k3s_net → wan: no host of the inventory is where it leads; --outside ADDRESS:PORT names one$/,
    /^192\.0\.2\.0\/24 → dns: no host/,
  ])

  const outside = { address: '198.51.100.1', port: 443 }
  const more = probesOf(inventory, firewalls, new Map(), { ...options, outside }).probes.map(said)
  t.ok(more.includes('m1 10.17.4.21 → 198.51.100.1 198.51.100.1 443/tcp allow'), more.join('\n'))

  const few = hosts.filter(h => ['lb1', 'w1'].includes(h.name))
  const only = probesOf(inventory, firewalls, new Map(), { ...options, hosts: few }).probes
  t.strictSame(new Set(only.flatMap(p => [p.from, p.to])), new Set(['lb1', 'w1', 'web']))
})

void t.test('a sample of what no flow allows, where programs listen', async t => {
  const inventory = await cloud(t)
  const hosts = [...inventory.hosts.values()]
  const firewalls = withRules(inventory, 'hv', {
    ...ROUTER,
    firewall_flows: [{ from: ['lan', 'k3s_net'], to: 'dns', ports: [53] }],
  })
  const ports = listening({
    dns: ['*:22/tcp', '*:53/tcp', '10.17.3.11:8080/tcp', '10.99.9.9:81/tcp', '*:53/udp'],
    m1: ['*:22/tcp', '*:6443/tcp'],
    m2: ['*:22/tcp'],
  })
  const probes = (sample: number) => probesOf(inventory, firewalls, ports, { sample, hosts }).probes
  const denied = probes(99).filter(p => p.declared === 'deny')
  const found = denied.map(said)
  for (const line of [
    'm1 10.17.4.21 → dns 10.17.3.11 22/tcp deny',
    'm1 10.17.4.21 → dns 10.17.3.11 8080/tcp deny',
    'lb1 192.168.0.30 → dns 10.17.3.11 22/tcp deny',
  ])
    t.ok(found.includes(line), `${line}\n${found.join('\n')}`)
  t.notOk(
    found.some(line => / 53\/| 81\/|\/udp|m1 10.17.4.21 → m2/.test(line)),
    found.join('\n'),
  )
  for (const sample of [0, 1, 2, denied.length]) {
    const some = probes(sample).filter(p => p.declared === 'deny')
    t.equal(some.length, sample)
    t.ok(some.every(p => found.includes(said(p))))
  }
  t.strictSame(probes(2), probes(2), 'the same each time')
})

void t.test('a host may name any number of ports: others try a part of them', async t => {
  const inventory = await cloud(t)
  const hosts = [...inventory.hosts.values()]
  const firewalls = withRules(inventory, 'hv', {
    ...ROUTER,
    firewall_flows: [{ from: 'lan', to: 'dns', ports: [53] }],
  })
  const many = Array.from({ length: 60_000 }, (_, i) => `*:${i + 1}/tcp`)
  const ports = listening({
    w1: many,
    dns: [...many.slice(0, 499), '*:60001/tcp'],
    m1: ['*:22/tcp'],
  })
  const { probes } = probesOf(inventory, firewalls, ports, { sample: 1_000_000, hosts })
  const denied = probes.filter(p => p.declared === 'deny')
  const of = (from: string, to: string): number[] =>
    denied.filter(p => p.from === from && p.to === to).map(p => p.port)
  const [source = ''] = denied.map(p => p.from)
  t.ok(of(source, 'dns').includes(60_001), 'the last of 500')
  t.strictSame(of(source, 'm1'), [22], 'other hosts are tried')
  t.equal(of(source, 'w1').length, 500)
})

void t.test('a firewall that is not of fmc: what no rule of a host decides', async t => {
  const inventory = await cloud(t)
  const lan = inventory.networks.get('lan')
  const infra = inventory.networks.get('infra_net')
  if (!lan || !infra) throw new Error('no networks')
  // Another router holds all gateways; the flows are declared for a host that is not in the way.
  const networks = new Map(
    [...inventory.networks].map(([name, n]) => [
      name,
      { ...n, router: undefined, mode: 'bridge' as const },
    ]),
  )
  const other = { ...inventory, networks }
  const firewalls = withRules(other, 'vps', {
    ...ROUTER,
    firewall_flows: [{ from: 'k3s_net', to: 'dns', ports: [53] }],
  })
  const hosts = [...other.hosts.values()]
  const plan = probesOf(other, firewalls, listening({ dns: ['*:22/tcp'], lb1: ['*:22/tcp'] }), {
    sample: 99,
    hosts,
  })
  const found = plan.probes.map(said)
  t.ok(found.includes('m1 10.17.4.21 → dns 10.17.3.11 53/tcp allow'), found.join('\n'))
  t.ok(found.includes('m1 10.17.4.21 → dns 10.17.3.11 22/tcp deny'))
  t.ok(found.includes('m1 10.17.4.21 → lb1 192.168.0.30 22/tcp deny'))
  t.match(plan.probes[0], { of: { host: 'vps', flow: 0 }, why: 'k3s_net → dns' })
})

void t.test('the matrix', t => {
  const result = (port: number, declared: 'allow' | 'deny', found: Found | undefined): Result => {
    const probe: Probe = {
      ...{ from: 'm1', source: '10.17.4.21', to: 'dns', target: '10.17.3.11', proto: 'tcp', port },
      ...{ declared, why: declared === 'allow' ? 'k3s → dns' : 'no flow allows it' },
      of: declared === 'allow' ? { host: 'hv', flow: 3 } : undefined,
    }
    return { ...probe, found, differs: found && differs(probe, found) }
  }
  const results = [
    result(53, 'allow', 'open'),
    result(80, 'allow', 'blocked'),
    result(81, 'allow', 'no service'),
    result(22, 'deny', 'open'),
    result(23, 'deny', 'rejected'),
    result(24, 'deny', undefined),
    result(25, 'allow', 'unknown'),
  ]
  t.strictSame(summaryOf(results), { asDeclared: 3, differ: 2, unknown: 1, notTried: 1 })
  t.equal(
    probeText(results, ['wan → dns: no host'], of => of && `inventory.yaml:${of.flow}`),
    `m1 (10.17.4.21)  →  dns (10.17.3.11)  53 open, 80 blocked (!), 81 no service listens, 22 open (!), 23 rejected by a firewall, 24 not tried, 25 no answer

differs from the declaration:
  m1 (10.17.4.21) → dns (10.17.3.11) 80/tcp: blocked, though it is allowed: k3s → dns (inventory.yaml:3)
  m1 (10.17.4.21) → dns (10.17.3.11) 22/tcp: open, though no flow allows it

not tried:
  wan → dns: no host

3 as declared, 2 differ, 1 without a clear answer, 1 not tried`,
  )
  t.end()
})

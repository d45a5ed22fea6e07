// What a pfSense or OPNsense in front of each architecture has to let through.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { outerFirewall, type HostFirewall } from '../../lib/firewall/outer.ts'
import { forms, outerText, PRODUCTS, type Product } from '../../lib/firewall/outer-text.ts'
import { rulesOf } from '../../lib/firewall/rules.ts'
import type { Firewall } from '../../lib/firewall/types.ts'
import { vpnPeers } from '../../lib/cli/firewall/model.ts'
import { loadInventory } from '../../lib/inventory/load.ts'
import type { Inventory } from '../../lib/inventory/types.ts'
import { vars } from '../../roles/firewall/vars.ts'
import { ROOT, run } from '../rig/lab.ts'
import { cloud, EDGE, hostOf, ROUTER } from './fixture.ts'

const withRules = (
  inventory: Inventory,
  name: string,
  firewall: Firewall,
): [string, HostFirewall] => [
  name,
  { firewall, rules: rulesOf(inventory, hostOf(inventory, name), firewall) },
]
const declared = (inventory: Inventory): Map<string, HostFirewall> =>
  new Map(
    [...inventory.hosts.values()]
      .filter(host => 'firewall_flows' in host.vars)
      .map(host => withRules(inventory, host.name, vars.parse(host.vars))),
  )
/** INTERFACE ACTION PROTOCOL SOURCE → DESTINATION PORT, with the content of aliases. */
const lines = (outer: ReturnType<typeof outerFirewall>): string[] => {
  const { aliases, rules } = forms(outer)
  const content = (text: string): string =>
    aliases.reduce(
      (said, a) => said.replace(new RegExp(`\\b${a.name}$`), a.content.join(' ')),
      text,
    )
  return rules.map(r =>
    [
      r.interface,
      r.action,
      r.protocol,
      content(r.source),
      '→',
      content(r.destination),
      content(r.port),
    ]
      .join(' ')
      .trim(),
  )
}

void t.test('architecture 4: pfSense between the tunnel and the house', async t => {
  const inventory = await loadInventory(join(ROOT, 'test/inventories/architecture-4.yaml'))
  const outer = outerFirewall(inventory, declared(inventory), vpnPeers(inventory))
  t.strictSame(outer.gateways, [{ network: 'lan', address: '192.168.0.1' }])
  t.strictSame(
    outer.routes.map(r => `${r.to} ${r.via}`),
    ['10.17.3.0/24 192.168.0.40', '10.17.4.0/24 192.168.0.40', '10.17.5.0/24 192.168.0.40'],
  )
  t.strictSame(outer.forwards, [], 'the Internet comes by the tunnel')
  const found = lines(outer)
  for (const line of [
    'vpn pass tcp 10.17.0.1 → 10.17.5.30 80 443',
    'vpn pass any 10.17.0.128/25 → 10.17.3.0/24 10.17.4.0/24 10.17.5.0/24 192.168.0.40',
    'lan pass tcp 192.168.0.0/24 → 10.17.5.10 6443',
    'lan pass any 10.17.3.0/24 10.17.4.0/24 10.17.5.0/24 → ! 10.17.0.0/24 10.17.3.0/24 10.17.4.0/24 10.17.5.0/24 192.168.0.0/24',
  ])
    t.ok(found.includes(line), `${line}\n${found.join('\n')}`)
  t.notOk(
    found.some(line => line.startsWith('wan')),
    'nothing comes in from the Internet',
  )
  t.notOk(
    found.some(line => line.includes('2049')),
    'what the hypervisor delivers itself never passes',
  )
  t.match(outer.remarks.join('\n'), 'its tunnel into vpn is the peer pfsense (10.17.0.2)')
})

void t.test('architectures 1 and 3: a router with the Internet behind it', async t => {
  const rows: [string, forwards: string[], wan: string[]][] = [
    [
      'architecture-1',
      ['udp 51820 192.168.0.40', 'tcp 80 192.168.0.14', 'tcp 443 192.168.0.14'],
      ['wan pass udp any → 192.168.0.40 51820', 'wan pass tcp any → 192.168.0.14 80 443'],
    ],
    [
      'architecture-3',
      ['udp 51820 192.168.0.19', 'tcp 80 192.168.0.19', 'tcp 443 192.168.0.19'],
      [
        'wan pass udp any → 192.168.0.19 51820',
        'wan pass tcp any → 192.168.0.19 80',
        'wan pass tcp any → 192.168.0.19 443',
      ],
    ],
  ]
  for (const [name, forwards, wan] of rows) {
    const inventory = await loadInventory(join(ROOT, `test/inventories/${name}.yaml`))
    const outer = outerFirewall(inventory, declared(inventory), vpnPeers(inventory))
    t.strictSame(
      outer.forwards.map(f => `${f.ports.proto} ${f.ports.first} ${f.to}`),
      forwards,
      name,
    )
    const [first = '', ...others] = lines(outer).filter(line => line.startsWith('wan'))
    t.match(first, /^wan block tcp any → .* 6443$/, `${name}: the K3s API first`)
    t.strictSame(others, wan, name)
    t.ok(
      lines(outer).some(line => /^lan pass any .*192\.168\.0\.\d+ → !/.test(line)),
      `${name}: what the hypervisor masquerades has its address`,
    )
  }
})

void t.test('what cannot be forwarded is said; no gateway outside is an error', async t => {
  const inventory = await cloud(t)
  const flows = [
    { from: 'wan', to: 'masters', ports: [22] },
    { from: 'wan', to: 'dns', ports: ['any'] },
    { from: 'wan', to: 'vps', ports: [22] },
    { from: '198.51.100.0/24', to: 'dns', ports: ['53/udp', '8000-8010'] },
  ]
  const firewall = { ...ROUTER, firewall_flows: flows }
  const outer = outerFirewall(inventory, new Map([withRules(inventory, 'hv', firewall)]))
  t.match(outer.remarks, [
    /one address only.*"wan → masters" is for 10\.17\.4\.21, 10\.17\.4\.22$/,
    /every port to none: "wan → dns" is for all ports of 10\.17\.3\.11$/,
  ])
  t.strictSame(
    outer.forwards.map(f => `${f.ports.proto} ${f.ports.first}-${f.ports.last} ${f.to}`),
    ['udp 53-53 10.17.3.11', 'tcp 8000-8010 10.17.3.11'],
  )
  t.ok(lines(outer).includes('wan pass tcp 198.51.100.0/24 → 10.17.3.11 8000:8010'))

  const edge = outerFirewall(inventory, new Map([withRules(inventory, 'hv', EDGE)]))
  t.match(
    edge.forwards.map(f => [f.ports.proto, f.ports.first, f.ports.last, f.to]),
    [
      ['tcp', 8080, 8080, '192.168.0.40'],
      ['udp', 2000, 2010, '192.168.0.40'],
    ],
    'the host forwards them on',
  )

  const lan = inventory.networks.get('lan')
  if (!lan) throw new Error('no lan')
  const own = {
    ...inventory,
    networks: new Map([...inventory.networks, ['lan', { ...lan, router: 'hv' }]]),
  }
  t.throws(() => outerFirewall(own, new Map()), {
    message: /^a host of the inventory holds the gateway of every network/,
    hint: /fmc firewall explain/,
  })
})

void t.test('the text: aliases have names that the products take', async t => {
  const inventory = await cloud(t)
  const long = 'a comment with ümläuts → and "quotes", longer than thirty-one characters'
  const flows = ['one', 'two'].map(n => ({
    from: 'lan',
    to: ['dns', n === 'one' ? 'm1' : 'w1'],
    ports: [80, 443, '53/udp'],
    comment: long,
  }))
  const firewalls = new Map([withRules(inventory, 'hv', { ...ROUTER, firewall_flows: flows })])
  const outer = outerFirewall(inventory, firewalls)
  const { aliases } = forms(outer)
  t.equal(
    new Set(aliases.map(a => a.name)).size,
    aliases.length,
    'different content, different name',
  )
  for (const { name } of aliases) t.match(name, /^[A-Za-z]\w{0,30}$/)
  for (const product of Object.keys(PRODUCTS) as Product[]) {
    const text = outerText(outer, product, of => `inventory.yaml:${of.flow}`)
    t.match(text, PRODUCTS[product].name)
    t.match(text, PRODUCTS[product].bypass, 'answers take another way')
    t.match(text, '(inventory.yaml:0)')
    t.notMatch(text, /undefined|\[object/)
  }
})

void t.test('the command', async t => {
  const fmc = (...words: string[]) =>
    run([process.execPath, join(ROOT, 'lib/bin.js'), 'firewall', ...words], { cwd: ROOT })
  const file = 'test/inventories/architecture-4.yaml'
  const lines = readFileSync(join(ROOT, file), 'utf8').split('\n')
  const line = lines.findIndex(text => /to: api, ports: \[6443\]/.test(text)) + 1
  t.ok(line)
  const json = await fmc('rules', '--for', 'opnsense', '-i', file, '--output', 'json')
  t.equal(json.code, 0)
  const values = json.stdout
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as Record<string, unknown>)
  t.match(values[0], { type: 'version' })
  t.match(
    values.find(v => v['destination'] === '10.17.5.10'),
    {
      type: 'rule',
      action: 'pass',
      interface: 'lan',
      protocol: 'tcp',
      source: '192.168.0.0/24',
      port: '6443',
      place: `${file}:${line}`,
    },
  )
  t.match(await fmc('rules', '-i', file), { code: 1, stderr: /--for <product>/ })
  t.match(await fmc('rules', '--for', 'ipfire'), { code: 1, stderr: /pfsense, opnsense/ })
  t.match(await fmc('probe', '--outside', 'example.org', '-i', file), {
    code: 1,
    stderr: /--outside example\.org: expected ADDRESS:PORT/,
  })
  t.match(await fmc('probe', '--sample', '-1', '-i', file), { code: 1, stderr: /--sample -1/ })
})

import t from 'tap'
import { endpoint, showBlock } from '../../lib/firewall/endpoint.ts'
import { decide, portsOf, rulesOf } from '../../lib/firewall/rules.ts'
import type { Packet } from '../../lib/firewall/types.ts'
import { cloud, EDGE, hostOf, ROUTER } from './fixture.ts'

void t.test('endpoints', async t => {
  const inventory = await cloud(t)
  const show = (name: string): string => {
    const side = endpoint(inventory, name)
    return side.is === 'any' ? 'any' : `${side.is} ${side.blocks.map(showBlock).join(' ')}`
  }
  for (const [name, expected] of [
    ['any', 'any'],
    ['k3s_net', 'in 10.17.4.0/24'],
    ['masters', 'in 10.17.4.21 10.17.4.22'],
    ['hv', 'in 192.168.0.40 10.17.3.1 10.17.4.1'],
    ['api', 'in 192.168.0.32'],
    ['172.16.0.0/12', 'in 172.16.0.0/12'],
    ['172.16.0.1', 'in 172.16.0.1'],
    ['wan', 'out 192.168.0.0/24 10.17.3.0/24 10.17.4.0/24 203.0.113.128/25'],
  ] as const)
    t.equal(show(name), expected, name)
  t.throws(() => endpoint(inventory, 'workerz'), { hint: 'did you mean workers?' } as never)
  t.throws(() => endpoint(inventory, '10.0.0.1/8'), /has host bits set; the network is 10.0.0.0\/8/)
  t.throws(() => endpoint(inventory, '10.0.0.300'), /is not an IPv4 network/)
})

void t.test('ports', t => {
  t.strictSame(portsOf(22), { proto: 'tcp', first: 22, last: 22 })
  t.strictSame(portsOf('53/udp'), { proto: 'udp', first: 53, last: 53 })
  t.strictSame(portsOf('8000-8010'), { proto: 'tcp', first: 8000, last: 8010 })
  for (const bad of ['0', '70000', '9-8', '22/sctp', 'ssh', '']) t.throws(() => portsOf(bad))
  t.end()
})

/** source, destination, port, chain → verdict and what decides. */
type Row = readonly [string, string, string, 'input' | 'forward', string]

const packet = (from: string, to: string, port: string): Packet =>
  port === 'ping'
    ? { from, to, proto: 'ping', port: 0 }
    : { from, to, proto: portsOf(port).proto, port: portsOf(port).first }

void t.test('what a router lets through', async t => {
  const inventory = await cloud(t)
  const rules = rulesOf(inventory, hostOf(inventory, 'hv'), ROUTER)
  const rows: Row[] = [
    ['127.0.0.1', '127.0.0.1', '22', 'input', 'accept from this machine itself'],
    ['127.0.0.1', '127.0.1.1', '53/udp', 'input', 'accept from this machine itself'],
    ['192.168.0.40', '192.168.0.40', '22', 'input', 'accept from this machine itself'],
    ['10.17.4.1', '192.168.0.40', 'ping', 'input', 'accept from this machine itself'],
    ['172.17.0.1', '172.17.0.1', '22', 'input', 'accept from this machine itself'],
    ['127.0.0.1', '10.17.4.21', '22', 'forward', 'drop'],
    ['192.168.0.5', '192.168.0.40', '22', 'input', 'accept administration'],
    ['192.168.0.5', '10.17.3.1', '22', 'input', 'accept administration'],
    ['192.168.0.5', '192.168.0.40', '23', 'input', 'drop'],
    ['10.17.4.21', '192.168.0.40', '22', 'input', 'drop'],
    ['8.8.8.8', '192.168.0.40', '22', 'input', 'drop'],
    [
      '192.168.0.5',
      '10.17.3.1',
      'ping',
      'input',
      'accept networks of the inventory may ping each other',
    ],
    ['8.8.8.8', '192.168.0.40', 'ping', 'input', 'drop'],
    ['192.168.0.5', '10.17.4.21', '22', 'forward', 'accept administration'],
    ['192.168.0.30', '10.17.4.21', '6443', 'forward', 'accept balancers → masters'],
    ['192.168.0.30', '10.17.4.24', '443', 'forward', 'accept balancers → workers'],
    ['192.168.0.30', '10.17.4.24', '444', 'forward', 'drop'],
    ['192.168.0.35', '10.17.4.24', '443', 'forward', 'drop'],
    ['10.17.4.24', '10.17.3.11', '53/udp', 'forward', 'accept lan, k3s_net → dns'],
    ['10.17.4.24', '10.17.3.11', '123', 'forward', 'drop'],
    ['10.17.4.24', '8.8.8.8', '443', 'forward', 'accept infra_net, k3s_net → wan'],
    ['10.17.4.24', '192.168.0.5', '443', 'forward', 'drop'],
    ['8.8.8.8', '192.168.0.33', '81', 'forward', 'accept lan, wan → web'],
    ['8.8.8.8', '192.168.0.33', '82', 'forward', 'drop'],
    ['8.8.8.8', '10.17.4.21', '6001', 'forward', 'accept a mistake'],
    [
      '8.8.8.8',
      '10.17.4.21',
      '6443',
      'forward',
      'drop the K3s API is for the networks of the inventory only',
    ],
    [
      '8.8.8.8',
      '192.168.0.32',
      '6443',
      'forward',
      'drop the K3s API is for the networks of the inventory only',
    ],
    [
      '10.17.4.21',
      '10.17.4.22',
      '9',
      'forward',
      'accept neighbours in k3s_net, should its bridge ask the firewall',
    ],
  ]
  for (const [from, to, port, chain, expected] of rows) {
    const { verdict, rule } = decide(rules, chain, packet(from, to, port))
    t.equal([verdict, rule?.why].filter(Boolean).join(' '), expected, `${from} → ${to} ${port}`)
  }
})

void t.test('balancers may send each other VRRP', async t => {
  const inventory = await cloud(t)
  const rules = rulesOf(inventory, hostOf(inventory, 'lb1'), ROUTER)
  const vrrp = rules.rules.filter(r => r.match === 'vrrp')
  t.equal(vrrp.length, 1)
  t.match(vrrp[0], { chain: 'input', from: { blocks: [{ prefix: 32 }] } })
  t.equal(
    rulesOf(inventory, hostOf(inventory, 'hv'), ROUTER).rules.some(r => r.match === 'vrrp'),
    false,
  )
})

void t.test('a forwarded port allows only connections that came through it', async t => {
  const inventory = await cloud(t)
  const rules = rulesOf(inventory, hostOf(inventory, 'hv'), EDGE)
  const web = packet('8.8.8.8', '192.168.0.33', '80')
  t.equal(decide(rules, 'forward', web, true).verdict, 'accept')
  t.equal(decide(rules, 'forward', web).verdict, 'drop')
  t.strictSame(
    rules.redirects.map(r => [r.ports.first, r.to, r.toPort]),
    [
      [8080, '192.168.0.33', 80],
      [2000, '10.17.4.24', 2000],
    ],
  )
})

void t.test('a flow that makes no sense is named', async t => {
  const inventory = await cloud(t)
  const hv = hostOf(inventory, 'hv')
  const flows = (flow: (typeof ROUTER.firewall_flows)[number]) => () =>
    rulesOf(inventory, hv, {
      ...ROUTER,
      firewall_flows: [...ROUTER.firewall_flows.slice(0, 2), flow],
    })
  t.throws(
    flows({ from: 'nobody', to: 'hv', ports: [1] }),
    /^firewall_flows\[2\]: no network, group, host or VIP is called nobody/,
  )
  t.throws(
    flows({ from: 'lan', to: 'hv', ports: ['x'] }),
    /^firewall_flows\[2\]: "x" is not a port/,
  )
  t.throws(
    () => rulesOf(inventory, hv, { ...EDGE, firewall_forwards: [{ port: 80, to: 'masters' }] }),
    /^firewall_forwards\[0\]: masters is not a single address/,
  )
})

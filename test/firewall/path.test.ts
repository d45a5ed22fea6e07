import t from 'tap'
import { endsOf, explain } from '../../lib/firewall/path.ts'
import { portsOf, rulesOf } from '../../lib/firewall/rules.ts'
import { cloud, EDGE, hostOf, ROUTER } from './fixture.ts'

void t.test('host by host', async t => {
  const inventory = await cloud(t)
  const hv = hostOf(inventory, 'hv')
  const router = new Map([['hv', rulesOf(inventory, hv, ROUTER)]])
  const both = new Map([
    ...router,
    [
      'dns',
      rulesOf(inventory, hostOf(inventory, 'dns'), {
        ...ROUTER,
        firewall_flows: [{ from: '10.17.3.1', to: 'dns', ports: [53] }],
      }),
    ],
  ])
  const edge = new Map([['hv', rulesOf(inventory, hv, EDGE)]])
  const rows: [Map<string, ReturnType<typeof rulesOf>>, string, string, string | number, string][] =
    [
      [router, 'lan', 'm1', 22, '192.168.0.254 → 10.17.4.21: hv forward accept'],
      [router, 'lan', 'hv', 22, '192.168.0.254 → 192.168.0.40: hv input accept'],
      [router, 'm1', 'hv', 22, '10.17.4.21 → 10.17.4.1: hv input drop'],
      [router, 'wan', 'm1', 22, '203.0.113.1 → 10.17.4.21: hv forward drop'],
      [router, 'm1', 'm2', 1, '10.17.4.21 → 10.17.4.22: '],
      [router, 'm1', 'wan', 443, '10.17.4.21 → 203.0.113.1: hv forward accept as 192.168.0.40'],
      [router, 'm1', 'dns', 53, '10.17.4.21 → 10.17.3.11: hv forward accept'],
      [router, 'hv', 'm1', 1, '10.17.4.1 → 10.17.4.21: '],
      [router, 'wan', 'api', 6443, '203.0.113.1 → 192.168.0.32: ?'],
      [both, 'm1', 'dns', 53, '10.17.4.21 → 10.17.3.11: hv forward accept, dns input drop'],
      [both, 'hv', 'dns', 53, '10.17.3.1 → 10.17.3.11: dns input accept'],
      [edge, 'wan', 'hv', 8080, '203.0.113.1 → 192.168.0.40: hv forward accept to 192.168.0.33:80'],
      [
        edge,
        'wan',
        'hv',
        '2003/udp',
        '203.0.113.1 → 192.168.0.40: hv forward accept to 10.17.4.24:2000',
      ],
      [edge, 'lan', 'hv', 8080, '192.168.0.254 → 192.168.0.40: hv input drop'],
    ]
  for (const [firewalls, source, target, port, expected] of rows) {
    const [from, to] = endsOf(inventory, source, target)
    const { proto, first } = portsOf(port)
    const { steps, verdict } = explain(inventory, firewalls, { from, to, proto, port: first })
    const said = steps.map(s =>
      [
        s.host,
        s.chain,
        s.verdict,
        ...(s.masqueraded === undefined ? [] : [`as ${s.masqueraded}`]),
        ...(s.redirect ? [`to ${s.redirect.to}:${s.redirect.toPort}`] : []),
      ].join(' '),
    )
    if (verdict === 'undecided') said.push('?')
    t.equal(`${from} → ${to}: ${said.join(', ')}`, expected, `${source} → ${target} ${port}`)
  }
  t.throws(() => endsOf(inventory, 'nobody', 'm1'), /no host, VIP or network is called nobody/)
})

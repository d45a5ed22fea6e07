// Does the firewall let in the connection that fmc itself uses? Also when fmc runs on the firewall's own machine.
import t from 'tap'
import { isLoopback } from '../../lib/firewall/endpoint.ts'
import { endsOf, explain } from '../../lib/firewall/path.ts'
import { nftText } from '../../lib/firewall/nft.ts'
import { rulesOf } from '../../lib/firewall/rules.ts'
import { advise } from '../../roles/firewall/advice.ts'
import { stillAdmits } from '../../roles/firewall/ssh.ts'
import { vars } from '../../roles/firewall/vars.ts'
import { cloud, hostOf, ROUTER } from './fixture.ts'

const NO_FLOW = /no flow lets fmc's own SSH in/
const IPV6 = /fmc came over IPv6 .*which the firewall drops/

void t.test('the connection that fmc uses', async t => {
  const inventory = await cloud(t)
  const rules = rulesOf(inventory, hostOf(inventory, 'hv'), ROUTER)
  for (const [connection, refused] of [
    ['', undefined],
    ['192.168.0.5 5000 192.168.0.40 22', undefined],
    ['192.168.0.5 5000 192.168.0.40 2222', NO_FLOW],
    ['203.0.113.1 5000 192.168.0.40 22', NO_FLOW],
    // fmc on the hypervisor itself: by loopback, by a name for it, by any of its own addresses.
    ['127.0.0.1 5000 127.0.0.1 22', undefined],
    ['127.0.0.1 5000 127.0.1.1 2222', undefined],
    ['::1 5000 ::1 22', undefined],
    ['192.168.0.40 5000 192.168.0.40 22', undefined],
    ['172.17.0.1 5000 172.17.0.1 22', undefined],
    ['2001:db8::40 5000 2001:db8::40 22', undefined],
    ['fe80::1%br0 5000 fe80::1%br0 22', undefined],
    ['2001:db8::5 5000 2001:db8::40 22', IPV6],
    ['fe80::2%br0 5000 fe80::1%br0 22', IPV6],
    ['UNKNOWN 65535 UNKNOWN 65535', /makes no sense/],
  ] as const) {
    const check = (): void => {
      stillAdmits(rules, `${connection}\n`)
    }
    if (refused) t.throws(check, { message: refused }, connection)
    else t.doesNotThrow(check, connection)
  }
})

void t.test('the rules that are written are those that are asked', async t => {
  const inventory = await cloud(t)
  for (const name of ['hv', 'w1']) {
    const host = hostOf(inventory, name)
    const input = nftText(inventory, host, ROUTER).split('chain input')[1]?.split('chain ')[0]
    const local = rulesOf(inventory, host, ROUTER).rules.filter(r => r.local)
    t.equal(input?.match(/iif lo accept/g)?.length, local.length, name)
    t.equal(local.length, 1)
  }
  t.notMatch(nftText(inventory, hostOf(inventory, 'hv'), ROUTER), '127.0.0')
})

void t.test('lint asks for a flow for SSH, except where fmc runs on the host', async t => {
  const inventory = await cloud(t)
  const flows = vars.parse({ firewall_flows: [{ from: 'lan', to: 'hv', ports: [53] }] })
  const hv = hostOf(inventory, 'hv')
  const says = (address: string) =>
    advise({ vars: flows, host: { ...hv, address }, inventory } as never).map(a => a.message)
  t.match(says(hv.address), [/no flow lets SSH \(port 22\) in to hv/])
  for (const address of ['127.0.0.1', '127.0.1.1', 'localhost', '::1'])
    t.strictSame(says(address), [], address)
  t.notOk(isLoopback('localhost.example.com'))
  t.notOk(isLoopback('128.0.0.1'))
})

void t.test('a loopback address is no way out', async t => {
  const inventory = await cloud(t)
  const rules = new Map([['hv', rulesOf(inventory, hostOf(inventory, 'hv'), ROUTER)]])
  const [from, to] = endsOf(inventory, '127.0.0.1', 'hv')
  t.match(explain(inventory, rules, { from, to, proto: 'tcp', port: 22 }), {
    verdict: 'accept',
    steps: [],
  })
})

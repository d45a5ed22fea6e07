import t from 'tap'
import { nftText } from '../../lib/firewall/nft.ts'
import { cloud, EDGE, hostOf, ROUTER } from './fixture.ts'

void t.test('a router', async t => {
  const inventory = await cloud(t)
  const text = nftText(inventory, hostOf(inventory, 'hv'), { ...ROUTER, firewall_log: true })
  t.match(text, /^#.*\ntable inet fmc\ndelete table inet fmc\ntable inet fmc \{\n/)
  t.notMatch(text, /flush ruleset/)
  for (const line of [
    'type filter hook input priority filter; policy drop;',
    'type filter hook forward priority filter; policy drop;',
    'ip saddr 192.168.0.0/24 ip daddr { 10.17.3.1, 10.17.4.1, 192.168.0.40 } tcp dport 22 accept comment "administration"',
    'ip saddr 192.168.0.0/24 ip daddr { 10.17.3.0/24, 10.17.4.0/24 } tcp dport 22 accept comment "administration"',
    'ip saddr { 192.168.0.30, 192.168.0.31 } ip daddr 10.17.4.24 tcp dport { 80, 443 } accept comment "balancers -> workers"',
    'ip saddr { 10.17.4.0/24, 192.168.0.0/24 } ip daddr 10.17.3.11 udp dport { 53, 123 } accept comment "lan, k3s_net -> dns"',
    'ip saddr { 10.17.3.0/24, 10.17.4.0/24 } ip daddr != { 192.168.0.0/24, 10.17.3.0/24, 10.17.4.0/24, 203.0.113.128/25 } accept comment "infra_net, k3s_net -> wan"',
    'ip saddr { 10.17.3.0/24, 10.17.4.0/24 } ip daddr != { 10.17.3.0/24, 10.17.4.0/24 } masquerade',
    'ip saddr != { 192.168.0.0/24, 10.17.3.0/24, 10.17.4.0/24, 203.0.113.128/25 } ip daddr { 10.17.4.21, 10.17.4.22, 192.168.0.32 } tcp dport 6443 drop comment "the K3s API is for the networks of the inventory only"',
    'limit rate 10/second log prefix "fmc dropped forward: "',
  ])
    t.ok(text.includes(`\t\t${line}\n`), line)
  t.notMatch(text, /dnat|sport 67/)
  const networks = new Map(
    [...inventory.networks].map(([name, n]) => [
      name,
      n.mode === 'open' ? { ...n, mode: 'nat' as const } : n,
    ]),
  )
  t.equal(
    nftText({ ...inventory, networks }, hostOf(inventory, 'hv'), { ...ROUTER, firewall_log: true }),
    text,
    'libvirt serves neither names nor addresses in a network of mode nat',
  )
})

void t.test('the edge: forwarded ports, and an address by DHCP', async t => {
  const inventory = await cloud(t)
  const text = nftText(inventory, hostOf(inventory, 'hv'), EDGE)
  for (const line of [
    'iifname "wan0" udp sport 67 udp dport 68 accept',
    'iifname "wan0" tcp dport 8080 dnat ip to 192.168.0.33:80 comment "the site -> in"',
    'iifname "wan0" udp dport 2000-2010 dnat ip to 10.17.4.24 comment "2000-2010/udp -> w1:2000"',
    'ct status dnat ip daddr 192.168.0.33 tcp dport 80 accept comment "the site -> in"',
  ])
    t.ok(text.includes(`\t\t${line}\n`), line)
  t.notMatch(text, /ct status dnat masquerade/)
  const vps = { ...EDGE, firewall_mode: 'vps' as const }
  t.match(nftText(inventory, hostOf(inventory, 'vps'), vps), /\t\tct status dnat masquerade\n/)
})

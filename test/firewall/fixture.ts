import type { Firewall } from '../../lib/firewall/types.ts'
import { loadInventory } from '../../lib/inventory/load.ts'
import type { Host, Inventory } from '../../lib/inventory/types.ts'
import type { Test } from 'tap'

/** A small cloud: router hv between lan, infra and k3s; edge and vps as the other kinds of firewalls. */
const TEXT = `timezone: UTC
domain: test.internal
networks:
  lan: { cidr: 192.168.0.0/24, mode: bridge, gateway: 192.168.0.1 }
  infra_net: { cidr: 10.17.3.0/24, mode: open, gateway: 10.17.3.1, router: hv }
  k3s_net: { cidr: 10.17.4.0/24, mode: open, gateway: 10.17.4.1, router: hv }
  hosted: { cidr: 203.0.113.128/25, mode: bridge }
vips:
  api: { address: 192.168.0.32, network: lan, vrid: 51, ports: [6443], backends: 'm*', check: k3s, balancers: 'lb1:lb2' }
  web: { address: 192.168.0.33, network: lan, vrid: 52, ports: [80, 443], backends: workers, balancers: balancers }
groups:
  balancers: { hosts: [lb1, lb2] }
  masters: { hosts: [m1, m2] }
  workers: { hosts: [w1] }
hosts:
  hv: { os: debian 12, nics: [{ network: lan, address: 192.168.0.40 }] }
  lb1: { os: debian 12, nics: [{ network: lan, address: 192.168.0.30 }] }
  lb2: { os: debian 12, nics: [{ network: lan, address: 192.168.0.31 }] }
  dns: { os: debian 12, nics: [{ network: infra_net, address: 10.17.3.11 }] }
  m1: { os: debian 12, nics: [{ network: k3s_net, address: 10.17.4.21 }] }
  m2: { os: debian 12, nics: [{ network: k3s_net, address: 10.17.4.22 }] }
  w1: { os: debian 12, nics: [{ network: k3s_net, address: 10.17.4.24 }] }
  vps: { os: debian 12, nics: [{ network: hosted, address: 203.0.113.200 }] }
`

export const cloud = (t: Test): Promise<Inventory> =>
  loadInventory(`${t.testdir({ 'inventory.yaml': TEXT })}/inventory.yaml`, { cache: false })

export const hostOf = (inventory: Inventory, name: string): Host => {
  const host = inventory.hosts.get(name)
  if (!host) throw new Error(`no host ${name}`)
  return host
}

export const ROUTER: Firewall = {
  firewall_mode: 'router',
  firewall_flows: [
    { from: 'lan', to: ['hv', 'infra_net', 'k3s_net'], ports: [22], comment: 'administration' },
    { from: 'balancers', to: 'masters', ports: [6443] },
    { from: 'balancers', to: 'workers', ports: [80, '443/tcp'] },
    { from: ['lan', 'k3s_net'], to: 'dns', ports: [53, '53/udp', '123/udp'] },
    { from: ['infra_net', 'k3s_net'], to: 'wan', ports: ['any'] },
    { from: ['lan', 'wan'], to: 'web', ports: ['80-81', 443] },
    { from: 'any', to: 'masters', ports: ['6000-7000'], comment: 'a mistake' },
  ],
  firewall_forwards: [],
  firewall_masquerade: ['infra_net', 'k3s_net'],
  firewall_log: false,
}

export const EDGE: Firewall = {
  ...ROUTER,
  firewall_mode: 'host_dnat',
  firewall_wan: 'wan0',
  firewall_flows: [{ from: 'lan', to: 'hv', ports: [22] }],
  firewall_forwards: [
    { port: 8080, to: 'web', to_port: 80, comment: 'the "site" → in' },
    { port: '2000-2010/udp', to: 'w1' },
  ],
}

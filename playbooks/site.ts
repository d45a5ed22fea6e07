import { play, playbook, together } from '../lib/index.ts'
import addons from '../roles/addons/index.ts'
import corednsChrony from '../roles/coredns-chrony/index.ts'
import ddns from '../roles/ddns/index.ts'
import firewall from '../roles/firewall/index.ts'
import freeipa from '../roles/freeipa/index.ts'
import freeipaClient from '../roles/freeipa-client/index.ts'
import haproxyKeepalived, { holdersLast, oneVipHolder } from '../roles/haproxy-keepalived/index.ts'
import hypervisor from '../roles/hypervisor/index.ts'
import k3sAgent, { neverJoined } from '../roles/k3s-agent/index.ts'
import k3sServer, { etcdQuorum, nodesReady, repairFirst } from '../roles/k3s-server/index.ts'
import kubeconfig from '../roles/kubeconfig/index.ts'
import longhorn, { longhornHealthy, withoutVolumes } from '../roles/longhorn/index.ts'
import nfs from '../roles/nfs/index.ts'
import postgresql from '../roles/postgresql/index.ts'
import timezone from '../roles/timezone/index.ts'
import traefik from '../roles/traefik/index.ts'
import wireguard from '../roles/wireguard/index.ts'

/** The whole cloud, in an order that also works from nothing. */
export default playbook('site', [
  play('Hypervisor', { hosts: 'hypervisors', roles: [hypervisor], tags: ['hypervisor'] }),
  // Together: hub and spoke of a tunnel need each other's keys.
  together(
    play('Edge', {
      hosts: 'hypervisors',
      roles: [firewall, wireguard, ddns],
      tags: ['hypervisor', 'edge'],
    }),
    play('Gateways', {
      hosts: 'gateways',
      roles: [firewall, wireguard],
      tags: ['hypervisor', 'edge'],
    }),
  ),
  // On all that the inventory has, also hosts without a group: after the hypervisors, which make most of them.
  play('Time zone', { hosts: 'all', roles: [timezone], tags: ['timezone'] }),
  together(
    play('DNS and time', { hosts: 'infra', roles: [corednsChrony], tags: ['infra'] }),
    // In place of the play before it, where the inventory has a FreeIPA server.
    play('FreeIPA', { hosts: 'ipa_servers', roles: [freeipa], tags: ['infra', 'freeipa'] }),
    play('Storage', { hosts: 'storage', roles: [nfs], tags: ['storage'] }),
  ),
  play('FreeIPA clients', { hosts: 'ipa_clients', roles: [freeipaClient], tags: ['freeipa'] }),
  together(
    play('Database', { hosts: 'databases', roles: [postgresql], tags: ['database'] }),
    // They join by their real addresses: the VIP comes later.
    play('K3s servers', {
      hosts: 'k3s_servers',
      roles: [k3sServer],
      serial: 1,
      order: repairFirst,
      invariant: etcdQuorum,
      tags: ['k3s'],
    }),
  ),
  // Traefik must understand the PROXY protocol before a balancer sends it.
  play('Ingress', { hosts: 'k3s_servers', roles: [traefik], tags: ['ingress'] }),
  together(
    play('Load balancers', {
      hosts: 'loadbalancers',
      roles: [haproxyKeepalived],
      serial: 1,
      order: holdersLast,
      invariant: oneVipHolder,
      tags: ['loadbalancers'],
    }),
    // They join by the servers' real addresses, too.
    play('K3s agents', {
      hosts: 'k3s_agents',
      roles: [k3sAgent],
      serial: 1,
      servesNothing: neverJoined,
      invariant: nodesReady,
      tags: ['k3s'],
    }),
  ),
  play('Kubeconfig', { hosts: 'k3s_servers', roles: [kubeconfig], tags: ['k3s'] }),
  play('Longhorn nodes', {
    hosts: 'workers',
    roles: [longhorn],
    serial: 1,
    servesNothing: withoutVolumes,
    invariant: longhornHealthy,
    tags: ['longhorn'],
  }),
  play('Longhorn', { hosts: 'k3s_servers', roles: [longhorn], tags: ['longhorn'] }),
  play('Ingress on the workers', { hosts: 'k3s_servers', roles: [traefik], tags: ['ingress'] }),
  play('Add-ons', { hosts: 'k3s_servers', roles: [addons], tags: ['addons'] }),
])

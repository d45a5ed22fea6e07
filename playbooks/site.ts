import { play, playbook, together } from '../lib/index.ts'
import corednsChrony from '../roles/coredns-chrony/index.ts'
import haproxyKeepalived, { holdersLast, oneVipHolder } from '../roles/haproxy-keepalived/index.ts'
import nfs from '../roles/nfs/index.ts'
import postgresql from '../roles/postgresql/index.ts'

/** The whole cloud, in the order in which it can be built from nothing. */
export default playbook('site', [
  together(
    play('DNS and time', { hosts: 'infra', roles: [corednsChrony], tags: ['infra'] }),
    play('Storage', { hosts: 'storage', roles: [nfs], tags: ['storage'] }),
  ),
  play('Database', { hosts: 'databases', roles: [postgresql], tags: ['database'] }),
  play('Load balancers', {
    hosts: 'loadbalancers',
    roles: [haproxyKeepalived],
    serial: 1,
    order: holdersLast,
    invariant: oneVipHolder,
    tags: ['loadbalancers'],
  }),
])

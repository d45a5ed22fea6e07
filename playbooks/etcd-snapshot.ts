import { play, playbook } from '../lib/index.ts'
import etcdSnapshot from '../roles/etcd-snapshot/index.ts'

/** etcd and the token that opens it, off the nodes. */
export default playbook('etcd-snapshot', [
  // The first one takes it; one that works is enough.
  play('Snapshot', {
    hosts: 'k3s_servers',
    roles: [etcdSnapshot],
    serial: 1,
    maxFail: Infinity,
  }),
])

import { play, playbook } from '../lib/index.ts'
import etcdSnapshot from '../roles/etcd-snapshot/index.ts'

/** A snapshot of etcd and the token that a restore needs, on this machine. */
export default playbook('etcd-snapshot', [
  // One snapshot per job, taken on the first healthy server; servers that fail do not matter.
  play('Snapshot', {
    hosts: 'k3s_servers',
    roles: [etcdSnapshot],
    serial: 1,
    maxFail: Infinity,
  }),
])

import type { Port } from '../ports.ts'

/** The ports that other nodes need to reach (docs.k3s.io/installation/requirements): the API and etcd of a server, every kubelet. */
export const k3sPorts = (kind: 'server' | 'agent'): readonly Port[] =>
  [...(kind === 'server' ? [6443, 2379, 2380] : []), 10_250].map(port => ({
    service: 'K3s',
    port,
    protocol: 'tcp',
    addresses: 'any',
    owners: ['k3s'],
  }))

import type { Platforms } from '../../../lib/index.ts'

/** What differs between operating systems. */
export interface Platform {
  readonly binary: string
  /** What a server also needs: etcdctl for the members, curl for etcd's health, openssl for certificates' ends. */
  readonly serverPackages: readonly string[]
  /** Where the artifact etcdctl goes on a server, if no package has it. */
  readonly etcdctl: string | undefined
  /** SELinux confines containers: K3s needs a policy, the label of a container runtime, and `selinux: true`. */
  readonly selinux: boolean
  /** The system may run firewalld, which closes every port that is not opened in it, and rejects what pods send. */
  readonly firewalld: boolean
}

const debian: Platform = {
  binary: '/usr/local/bin/k3s',
  serverPackages: ['etcd-client', 'curl', 'openssl'],
  etcdctl: undefined,
  selinux: false,
  firewalld: false,
}

/** By operating system; the roles refuse others. */
export const PLATFORMS: Platforms<Platform> = {
  // /usr is read-only; etcdctl and curl are part of the image.
  flatcar: { ...debian, binary: '/opt/bin/k3s', serverPackages: [] },
  'debian 12': debian,
  'debian 13': debian,
  'ubuntu 24.04': debian,
  // curl-minimal is there and conflicts with curl. EL has no package of etcd.
  'el 9': {
    binary: '/usr/local/bin/k3s',
    serverPackages: ['openssl'],
    etcdctl: '/usr/local/bin/etcdctl',
    selinux: true,
    firewalld: true,
  },
}

export const CONFIG_DIR = '/etc/rancher/k3s'
/** K3s's kubectl with the file that K3s itself writes: without it, kubectl would ask the cluster of root's ~/.kube/config. */
export const KUBECTL = ['k3s', 'kubectl', '--kubeconfig', `${CONFIG_DIR}/k3s.yaml`] as const
/** The same as shell text. */
export const KUBECTL_TEXT = KUBECTL.join(' ')
export const CONFIG = `${CONFIG_DIR}/config.yaml`
export const DATA_DIR = '/var/lib/rancher/k3s'

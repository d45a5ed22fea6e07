import type { Platforms } from '../../../lib/index.ts'

/** What differs between operating systems. */
export interface Platform {
  readonly binary: string
  /** What a server also needs: etcdctl for the members, curl for etcd's health, openssl for certificates' ends. */
  readonly serverPackages: readonly string[]
}

const debian: Platform = {
  binary: '/usr/local/bin/k3s',
  serverPackages: ['etcd-client', 'curl', 'openssl'],
}

/** Not EL: K3s needs an SELinux policy there, a package from Rancher's own repository. */
export const PLATFORMS: Platforms<Platform> = {
  // /usr is read-only; etcdctl and curl are part of the image.
  flatcar: { binary: '/opt/bin/k3s', serverPackages: [] },
  'debian 12': debian,
  'debian 13': debian,
  'ubuntu 24.04': debian,
}

export const CONFIG_DIR = '/etc/rancher/k3s'
/** K3s's kubectl with the file that K3s itself writes: without it, kubectl would ask the cluster of root's ~/.kube/config. */
export const KUBECTL = ['k3s', 'kubectl', '--kubeconfig', `${CONFIG_DIR}/k3s.yaml`] as const
/** The same as shell text. */
export const KUBECTL_TEXT = KUBECTL.join(' ')
export const CONFIG = `${CONFIG_DIR}/config.yaml`
export const DATA_DIR = '/var/lib/rancher/k3s'

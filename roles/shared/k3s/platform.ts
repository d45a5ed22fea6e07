import type { Platforms } from '../../../lib/index.ts'

/** All that differs between operating systems. */
export interface Platform {
  readonly binary: string
  /** What a server needs besides: etcdctl to see the members, curl to see etcd's health, openssl to see certificates' ends. */
  readonly serverPackages: readonly string[]
}

/** Not EL: its SELinux policy for K3s is a package of Rancher's own. */
export const PLATFORMS: Platforms<Platform> = {
  // /usr is read-only there; etcdctl and curl are part of the image.
  flatcar: { binary: '/opt/bin/k3s', serverPackages: [] },
  debian: { binary: '/usr/local/bin/k3s', serverPackages: ['etcd-client', 'curl', 'openssl'] },
}

export const CONFIG_DIR = '/etc/rancher/k3s'
export const CONFIG = `${CONFIG_DIR}/config.yaml`
export const DATA_DIR = '/var/lib/rancher/k3s'

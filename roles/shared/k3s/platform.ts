import type { Platforms } from '../../../lib/index.ts'

/** What differs between operating systems. */
export interface Platform {
  readonly binary: string
  /** What a server also needs: etcdctl for the members, curl for etcd's health, openssl for certificates' ends. */
  readonly serverPackages: readonly string[]
}

/** Not EL: K3s needs an SELinux policy there, a package from Rancher's own repository. */
export const PLATFORMS: Platforms<Platform> = {
  // /usr is read-only; etcdctl and curl are part of the image.
  flatcar: { binary: '/opt/bin/k3s', serverPackages: [] },
  debian: { binary: '/usr/local/bin/k3s', serverPackages: ['etcd-client', 'curl', 'openssl'] },
}

export const CONFIG_DIR = '/etc/rancher/k3s'
export const CONFIG = `${CONFIG_DIR}/config.yaml`
export const DATA_DIR = '/var/lib/rancher/k3s'

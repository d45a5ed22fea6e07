import { TaskError, type Os } from '../../lib/index.ts'

/** All that differs between operating systems. */
export interface Platform {
  readonly binary: string
  /** What a server needs besides: etcdctl to see the members, curl to see etcd's health, openssl to see certificates' ends. */
  readonly serverPackages: readonly string[]
}

const PLATFORMS: Readonly<Record<string, Platform>> = {
  // /usr is read-only there; etcdctl and curl are part of the image.
  flatcar: { binary: '/opt/bin/k3s', serverPackages: [] },
  debian: { binary: '/usr/local/bin/k3s', serverPackages: ['etcd-client', 'curl', 'openssl'] },
}

/** Throws TaskError for an operating system that K3s is not put on. */
export function platformOf(os: Os): Platform {
  const platform = PLATFORMS[os.family]
  if (platform) return platform
  throw new TaskError(
    `K3s is not put on ${os.name}: its SELinux policy is a package of Rancher's own`,
    {
      hint: `use a host with one of: ${Object.keys(PLATFORMS).join(', ')}`,
    },
  )
}

export const CONFIG_DIR = '/etc/rancher/k3s'
export const CONFIG = `${CONFIG_DIR}/config.yaml`
export const DATA_DIR = '/var/lib/rancher/k3s'

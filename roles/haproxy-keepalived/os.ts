import { TaskError, type Os } from '../../lib/index.ts'

/** All that differs between operating systems. */
export interface Platform {
  /** EL has a curl (curl-minimal) that the package of the full one would conflict with. */
  readonly packages: readonly string[]
  /** SELinux confines haproxy to the ports of web servers, and labels scripts by their path. */
  readonly selinux: boolean
}

const PLATFORMS: Readonly<Record<string, Platform>> = {
  debian: { packages: ['haproxy', 'keepalived', 'curl'], selinux: false },
  el: { packages: ['haproxy', 'keepalived'], selinux: true },
}

/** Throws TaskError for an operating system that cannot be a balancer. */
export function platformOf(os: Os): Platform {
  const platform = PLATFORMS[os.family]
  if (platform) return platform
  throw new TaskError(
    `a load balancer cannot run on ${os.name}: it has no packages of haproxy and keepalived`,
    {
      hint: `use a host with one of: ${Object.keys(PLATFORMS).join(', ')}`,
    },
  )
}

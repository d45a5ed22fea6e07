import type { Platforms } from '../../lib/index.ts'

/** All that differs between operating systems. */
export interface Platform {
  /** EL has a curl (curl-minimal) that the package of the full one would conflict with. */
  readonly packages: readonly string[]
  /** SELinux confines haproxy to the ports of web servers, and labels scripts by their path. */
  readonly selinux: boolean
  /** A firewall that lets nothing in unless it is told to. */
  readonly firewalld: boolean
}

export const PLATFORMS: Platforms<Platform> = {
  debian: { packages: ['haproxy', 'keepalived', 'curl'], selinux: false, firewalld: false },
  el: { packages: ['haproxy', 'keepalived'], selinux: true, firewalld: true },
}

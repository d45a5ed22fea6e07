import type { Platforms } from '../../lib/index.ts'

/** What differs between operating systems. */
export interface Platform {
  /** EL has curl-minimal, which conflicts with the package curl. */
  readonly packages: readonly string[]
  /** SELinux confines haproxy to the ports of web servers, and labels scripts by their path. */
  readonly selinux: boolean
  /** The system may run firewalld, which closes every port that is not opened in it. */
  readonly firewalld: boolean
}

/** By operating system; the role refuses others. */
export const PLATFORMS: Platforms<Platform> = {
  debian: { packages: ['haproxy', 'keepalived', 'curl'], selinux: false, firewalld: false },
  el: { packages: ['haproxy', 'keepalived'], selinux: true, firewalld: true },
}

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

const debian: Platform = {
  packages: ['haproxy', 'keepalived', 'curl'],
  selinux: false,
  firewalld: false,
}
const el: Platform = { packages: ['haproxy', 'keepalived'], selinux: true, firewalld: true }

/** By operating system; the role refuses others. */
export const PLATFORMS: Platforms<Platform> = {
  'debian 12': debian,
  'debian 13': debian,
  'ubuntu 24.04': debian,
  'el 9': el,
}

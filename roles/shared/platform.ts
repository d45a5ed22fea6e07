import type { Host } from '../../lib/index.ts'

const SOCKETS: Readonly<Record<Host['os']['family'], string>> = {
  debian: '/run/haproxy-fmc.sock',
  flatcar: '/run/haproxy-fmc.sock',
  // Beside the socket of the package's own configuration, where SELinux lets haproxy make one.
  el: '/var/lib/haproxy/fmc.sock',
}

/**
 * Where a balancer's haproxy takes commands: its statistics page with `stats admin`, on a socket that only root may open
 * (docs.haproxy.org, configuration manual, "stats admin" and "bind": user, group, mode).
 */
export const adminSocket = ({ os }: Host): string => SOCKETS[os.family]

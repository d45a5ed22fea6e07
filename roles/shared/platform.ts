import type { Host } from '../../lib/index.ts'

const SOCKETS: Readonly<Record<Host['os']['family'], string>> = {
  debian: '/run/haproxy-fmc.sock',
  flatcar: '/run/haproxy-fmc.sock',
  // SELinux labels the socket by this name, and lets haproxy make one in /run: selinux-policy, rhcs.fc `/run/haproxy\.sock.*`,
  // rhcs.if files_pid_filetrans. The package's own directory, /var/lib/haproxy, is no place: it belongs to the user haproxy.
  el: '/run/haproxy.sock.fmc',
}

/**
 * Where a balancer's haproxy takes commands: its statistics page with `stats admin`, on a socket that only root may open
 * (docs.haproxy.org, configuration manual, "stats admin" and "bind": user, group, mode).
 */
export const adminSocket = ({ os }: Host): string => SOCKETS[os.family]

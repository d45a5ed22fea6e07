import { absent, artifact, file, hosts, packages } from '../../../lib/index.ts'
import { firewalldOpen } from '../firewalld/open.ts'
import { firewalldTrusts } from '../firewalld/trust.ts'
import { CLUSTER_CIDR, SERVICE_CIDR } from './networks.ts'
import type { Platform } from './platform.ts'
import { SERVERS } from './survey.ts'

const REPOSITORY_FILE = '/etc/yum.repos.d/rancher-k3s-common.repo'

/**
 * The repository as K3s's installer writes it (install.sh of k3s-io/k3s, install_selinux_rpm): packages are signed, and dnf
 * fetches the key over TLS.
 */
export const repositoryFile = (url: string): string => `# Managed by fmc
[rancher-k3s-common-stable]
name=Rancher K3s Common (stable)
baseurl=${url}
enabled=1
gpgcheck=1
repo_gpgcheck=0
gpgkey=${new URL('/public.key', url).href}
`

/** Ports and ranges that a node needs in firewalld (docs.k3s.io/installation/requirements, "Inbound Rules"). */
export const openingsOf = (kind: 'server' | 'agent', flannel: unknown): readonly string[] => [
  ...(kind === 'server' ? ['6443/tcp', '2379-2380/tcp'] : []),
  '10250/tcp',
  ...(flannel === 'wireguard-native' ? ['51820/udp'] : []),
  ...(flannel === undefined || flannel === 'vxlan' ? ['8472/udp'] : []),
]

/**
 * What K3s needs of Enterprise Linux before it is installed: the SELinux policy (docs.k3s.io/advanced, "SELinux Support"), etcdctl
 * on a server, and openings in firewalld. Does nothing on other systems.
 */
export async function prepareSystem(
  kind: 'server' | 'agent',
  platform: Platform,
  vars: { readonly k3s_rpm_repository: string },
): Promise<void> {
  if (platform.selinux) {
    const url = vars.k3s_rpm_repository
    if (url === 'none') await absent(REPOSITORY_FILE)
    else await file(REPOSITORY_FILE, { content: repositoryFile(url) })
    await packages('container-selinux', 'k3s-selinux')
  }
  if (kind === 'server' && platform.etcdctl !== undefined)
    await artifact('etcdctl', platform.etcdctl)
  if (!platform.firewalld) return
  // The servers' variables: an agent need not have them.
  const vs = hosts(SERVERS)[0]?.vars ?? {}
  await firewalldOpen(...openingsOf(kind, vs['k3s_flannel_backend']))
  await firewalldTrusts(
    (vs['k3s_cluster_cidr'] as string | undefined) ?? CLUSTER_CIDR,
    (vs['k3s_service_cidr'] as string | undefined) ?? SERVICE_CIDR,
  )
}

/** Shell words of restorecon(8) for what the policy labels by its path (k3s.fc of k3s-io/k3s-selinux): a new file has its directory's label. */
export const labelled = (kind: 'server' | 'agent', binary: string): readonly string[] => [
  binary,
  `/etc/systemd/system/${kind === 'server' ? 'k3s' : 'k3s-agent'}.service`,
]

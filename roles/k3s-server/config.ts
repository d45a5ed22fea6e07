import type { Secret } from '../../lib/index.ts'
import { registeredLabels } from '../shared/k3s/labels.ts'
import { pinned } from '../shared/k3s/token.ts'
import { configYaml } from '../shared/k3s/config-yaml.ts'
import type { ServerVars } from './vars.ts'

export interface ServerConfig {
  readonly name: string
  readonly address: string
  /** The interface that carries it; undefined: K3s takes that of the default route. */
  readonly device?: string | undefined
  /** Names and addresses that the API certificate must hold, besides k3s_tls_san. */
  readonly sans: readonly string[]
  /** Address of the server to join; K3s ignores it once it has etcd data. */
  readonly via: string | undefined
  /** SELinux confines the containers of this host. */
  readonly selinux?: boolean | undefined
  /** Only while founding. A server that kept it and lost its disk would found a second cluster. */
  readonly clusterInit: boolean
  /** Hash of the certificate authority that the token trusts. */
  readonly pin: string | undefined
}

/** config.yaml of a server (docs.k3s.io/cli/server). */
export const serverConfig = (c: ServerConfig, vars: ServerVars): Secret =>
  configYaml({
    'agent-token': vars.k3s_agent_token,
    'cluster-cidr': vars.k3s_cluster_cidr,
    'cluster-dns': vars.k3s_cluster_dns,
    'cluster-domain': vars.k3s_cluster_domain,
    'cluster-init': c.clusterInit ? true : undefined,
    disable: [...vars.k3s_disable].sort(),
    'etcd-snapshot-retention': vars.k3s_snapshot_retention,
    'etcd-snapshot-schedule-cron': vars.k3s_snapshot_cron,
    'flannel-backend': vars.k3s_flannel_backend,
    'flannel-iface': c.device,
    'node-ip': c.address,
    'node-label': registeredLabels(vars.k3s_node_labels),
    'node-name': c.name,
    'node-taint': [...vars.k3s_node_taints].sort(),
    'secrets-encryption': vars.k3s_secrets_encryption,
    selinux: c.selinux ? true : undefined,
    server: c.clusterInit || c.via === undefined ? undefined : `https://${c.via}:6443`,
    'service-cidr': vars.k3s_service_cidr,
    'tls-san': [...new Set([...c.sans, ...vars.k3s_tls_san])],
    token: pinned(vars.k3s_token, 'server', c.pin),
    'write-kubeconfig-mode': '0600',
  })

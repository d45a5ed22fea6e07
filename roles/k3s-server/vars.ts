import { Secret, z } from '../../lib/index.ts'
import { CLUSTER_CIDR, SERVICE_CIDR } from '../shared/k3s/networks.ts'
import { kubeconfigVars } from '../shared/k3s/kubeconfig-path.ts'
import { retention } from '../shared/k3s/snapshot.ts'
import { clusterDomain, commonVars } from '../shared/k3s/vars.ts'

const cidr = z.string().regex(/^\d+(\.\d+){3}\/\d+$/, 'expected a range such as 10.42.0.0/16')

/**
 * Set the values that must be the same on all servers (docs.k3s.io/cli/server, "critical configuration values") for the
 * group k3s_servers: K3s refuses a joining server that differs.
 */
export const vars = z.object({
  ...commonVars,
  ...kubeconfigVars,
  k3s_token: z
    .instanceof(Secret)
    .describe(
      'Token with which servers join; a restore of a snapshot needs it too. Create it once: fmc secrets set k3s_token --random',
    ),
  k3s_tls_san: z
    .array(z.string())
    .default([])
    .describe(
      'More names and addresses for the API certificate. It always contains the servers and their VIPs, by address and name',
    ),
  k3s_cluster_cidr: cidr.default(CLUSTER_CIDR).describe('Pod addresses; cannot be changed later'),
  k3s_service_cidr: cidr
    .default(SERVICE_CIDR)
    .describe('Service addresses; cannot be changed later'),
  k3s_cluster_dns: z
    .ipv4()
    .default('10.43.0.10')
    .describe('Address of the DNS in the cluster, within k3s_service_cidr'),
  k3s_cluster_domain: clusterDomain,
  k3s_flannel_backend: z
    .enum(['vxlan', 'host-gw', 'wireguard-native', 'none'])
    .default('vxlan')
    .describe('How pods on different nodes reach each other'),
  k3s_disable: z
    .array(
      z.enum(['coredns', 'servicelb', 'traefik', 'local-storage', 'metrics-server', 'runtimes']),
    )
    .default(['local-storage'])
    .describe('Packaged components that K3s leaves out; Longhorn replaces local-storage'),
  k3s_secrets_encryption: z
    .boolean()
    .default(true)
    .describe('Encrypt Kubernetes Secrets in etcd; cannot be changed later'),
  k3s_snapshot_cron: z
    .string()
    .regex(/^(\S+ ){4}\S+$/, 'expected five fields such as 0 */6 * * *')
    .default('0 */6 * * *')
    .describe('When each server takes a snapshot of etcd'),
  k3s_snapshot_retention: retention,
  k3s_stable_seconds: z
    .int()
    .min(0)
    .max(240)
    .default(30)
    .describe(
      'How long a started server must stay up before the next one is touched. In the lab: 2',
    ),
  k3s_new_cluster: z
    .boolean()
    .default(false)
    .describe(
      'Found a new cluster although there are traces of an earlier one. For a single run: -e k3s_new_cluster=true',
    ),
})

export type ServerVars = z.output<typeof vars>

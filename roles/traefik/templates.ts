import type { Host, Vip } from '../../lib/index.ts'
import { CHARTS_NAMESPACE, LABELS, type KubernetesObject } from '../cluster/chart.ts'
import { toYaml } from '../cluster/yaml.ts'
import type { Vars } from './vars.ts'

/** ServiceLB opens ports 80 and 443 on nodes with this label alone, once any node has it (docs.k3s.io, "Service Load Balancer"). */
export const INGRESS_LABEL = ['svccontroller.k3s.cattle.io/enablelb', 'true'] as const

/** Every address that a balancer may come from. */
export const addressesOf = (balancers: readonly Host[]): string[] =>
  balancers.flatMap(h => h.nics.map(n => n.address)).sort()

/**
 * Laid over K3s's own chart of Traefik. One pod on every backend and `Local`: kube-proxy then hands a connection to the
 * pod of the same node with its source address, which is a balancer's; with `Cluster` it would be a node's, and the
 * PROXY header of a stranger.
 */
export function traefikConfig(vip: Vip, balancers: readonly Host[], vars: Vars): KubernetesObject {
  const trusted = vars.traefik_trusted_proxies
  const port = {
    ...(vip.proxyProtocol && { proxyProtocol: { trustedIPs: addressesOf(balancers) } }),
    ...(trusted.length > 0 && { forwardedHeaders: { trustedIPs: trusted } }),
  }
  return {
    apiVersion: 'helm.cattle.io/v1',
    kind: 'HelmChartConfig',
    metadata: { name: 'traefik', namespace: CHARTS_NAMESPACE, labels: LABELS },
    spec: {
      failurePolicy: 'abort',
      valuesContent: toYaml({
        deployment: { kind: 'DaemonSet' },
        nodeSelector: Object.fromEntries([INGRESS_LABEL]),
        service: { spec: { externalTrafficPolicy: 'Local' } },
        ports: { web: port, websecure: port },
      }),
    },
  }
}

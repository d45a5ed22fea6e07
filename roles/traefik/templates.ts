import type { Host, Vip } from '../../lib/index.ts'
import { CHARTS_NAMESPACE, LABELS, type KubernetesObject } from '../shared/kubernetes/chart.ts'
import { toYaml } from '../shared/kubernetes/yaml.ts'
import type { Vars } from './vars.ts'

/** ServiceLB opens ports 80 and 443 on nodes with this label alone, once any node has it (docs.k3s.io, "Service Load Balancer"). */
export const INGRESS_LABEL = ['svccontroller.k3s.cattle.io/enablelb', 'true'] as const

/** Every address that a balancer may come from. */
export const addressesOf = (balancers: readonly Host[]): string[] =>
  balancers.flatMap(h => h.nics.map(n => n.address)).sort()

/** Ports of the chart by the port that people know. */
const ENTRY_POINTS = { web: 80, websecure: 443 } as const

/** Where the balancers expect an entry point on the backends; undefined: the VIP does not serve it. */
const backendPort = (vip: Vip, entry: keyof typeof ENTRY_POINTS): number | undefined =>
  vip.backendPorts[vip.ports.indexOf(ENTRY_POINTS[entry])]

/** Why Traefik could not be where the balancers look for it. */
export function exposureProblem(vip: Vip, { traefik_exposure: how }: Vars): string | undefined {
  const [possible, expected] = {
    servicelb: [(p: number) => p === 80 || p === 443, 'the ports 80 and 443'],
    nodeport: [(p: number) => p >= 30_000 && p <= 32_767, 'ports from 30000 to 32767'],
    hostport: [() => true, 'any port'],
  }[how] as [(port: number) => boolean, string]
  const wrong = vip.backendPorts.filter(port => !possible(port))
  return wrong.length === 0
    ? undefined
    : `traefik_exposure ${how} opens ${expected} of the nodes, but the VIP ${vip.name} has ${wrong.join(', ')} on its backends`
}

/** How a connection comes from a node's port to its pod, with the source address it came with. */
function exposure(vip: Vip, { traefik_exposure: how }: Vars) {
  const opened = (key: 'nodePort' | 'hostPort') => (entry: keyof typeof ENTRY_POINTS) => {
    const port = backendPort(vip, entry)
    return port === undefined ? {} : { [key]: port }
  }
  const local = { spec: { externalTrafficPolicy: 'Local' } }
  if (how === 'servicelb') return { port: () => ({}), values: { service: local } }
  if (how === 'nodeport')
    return { port: opened('nodePort'), values: { service: { type: 'NodePort', ...local } } }
  return {
    port: opened('hostPort'),
    values: {
      service: { type: 'ClusterIP' },
      // A new pod cannot have the port before the old one has let go of it.
      updateStrategy: { rollingUpdate: { maxUnavailable: 1, maxSurge: 0 } },
    },
  }
}

/**
 * Laid over K3s's own chart of Traefik. One pod on every backend and `Local`: kube-proxy then hands a connection to the
 * pod of the same node with its source address, which is a balancer's; with `Cluster` it would be a node's, and the
 * PROXY header of a stranger.
 */
export function traefikConfig(vip: Vip, balancers: readonly Host[], vars: Vars): KubernetesObject {
  const trusted = vars.traefik_trusted_proxies
  const { port: opened, values } = exposure(vip, vars)
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
        ...values,
        ports: {
          web: { ...opened('web'), ...port },
          websecure: { ...opened('websecure'), ...port },
        },
      }),
    },
  }
}

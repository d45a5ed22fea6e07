import type { Host, Vip } from '../../lib/index.ts'
import {
  CHARTS_NAMESPACE,
  configRepair,
  LABELS,
  type KubernetesObject,
} from '../shared/kubernetes/chart.ts'
import { bundledWith } from '../shared/kubernetes/bundled.ts'
import type { Node } from '../shared/kubernetes/nodes.ts'
import { toYaml } from '../shared/kubernetes/yaml.ts'
import type { Vars } from './vars.ts'

/** ServiceLB opens ports 80 and 443 on nodes with this label alone, once any node has it (docs.k3s.io, "Service Load Balancer"). */
export const INGRESS_LABEL = ['svccontroller.k3s.cattle.io/enablelb', 'true'] as const

/**
 * Which of these nodes take ingress; or why one never will. A node without the label, although the inventory gives it the label, counts
 * as one that has not joined yet: the role k3s-agent labels it, and in `play site` it runs after the first play of this role.
 */
export function labelled(
  nodes: readonly Node[],
  vip: Vip,
  backends: readonly Host[],
): readonly Node[] | string {
  const [label, value] = INGRESS_LABEL
  const has = (labels: unknown): boolean =>
    typeof labels === 'object' &&
    labels !== null &&
    (labels as Record<string, unknown>)[label] === value
  const declared = (name: string): boolean =>
    has(backends.find(h => h.name === name)?.vars['k3s_node_labels'])
  const never = nodes.map(n => n.metadata).filter(m => !has(m.labels) && !declared(m.name))
  if (never.length === 0) return nodes.filter(n => has(n.metadata.labels))
  return `${never.map(m => m.name).join(', ')} lack the label ${label}=${value}: add it to k3s_node_labels of ${vip.backends}`
}

/** All addresses of these balancers, sorted. */
export const addressesOf = (balancers: readonly Host[]): string[] =>
  balancers.flatMap(h => h.nics.map(n => n.address)).sort()

/** The chart's entry points and their ports. */
const ENTRY_POINTS = { web: 80, websecure: 443 } as const

/** Where the balancers expect an entry point on the backends; undefined: the VIP does not serve it. */
const backendPort = (vip: Vip, entry: keyof typeof ENTRY_POINTS): number | undefined =>
  vip.backendPorts[vip.ports.indexOf(ENTRY_POINTS[entry])]

/** Why Traefik could not open the backend ports of the VIP; undefined: it can. */
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

/**
 * The chart of Traefik (traefik-helm-chart) that the pinned K3s has as 40.1.4+up40.1.0 (k3s-io/k3s v1.36.3,
 * manifests/traefik.yaml): the chart whose keys are listed. An older K3s has an older one (bundledWith).
 */
export const BUNDLED = { k3s: 'v1.36.3+k3s1', chart: '40.1.0' } as const

/** The type of Traefik's Service that goes with an exposure. */
export const SERVICE_TYPES = {
  servicelb: 'LoadBalancer',
  nodeport: 'NodePort',
  hostport: 'ClusterIP',
} as const

/** The chart's key for the type of Traefik's Service. */
export const typeKey = (k3s: string | undefined): 'service.spec.type' | 'service.type' =>
  bundledWith(k3s).specType ? 'service.spec.type' : 'service.type'

/** The chart's values that open the nodes' ports. A connection keeps its source address on the way to the pod. */
function exposure(vip: Vip, { traefik_exposure: how, k3s_version }: Vars) {
  const opened = (key: 'nodePort' | 'hostPort') => (entry: keyof typeof ENTRY_POINTS) => {
    const port = backendPort(vip, entry)
    return port === undefined ? {} : { [key]: port }
  }
  const type = SERVICE_TYPES[how]
  const service = (spec: Readonly<Record<string, string>>) =>
    typeKey(k3s_version) === 'service.type'
      ? { type, ...(Object.keys(spec).length > 0 && { spec }) }
      : { spec: { type, ...spec } }
  const local = { service: service({ externalTrafficPolicy: 'Local' }) }
  if (how === 'servicelb') return { port: () => ({}), values: local }
  if (how === 'nodeport') return { port: opened('nodePort'), values: local }
  return {
    port: opened('hostPort'),
    values: {
      service: service({}),
      // A new pod can bind the port only after the old one has released it.
      updateStrategy: { rollingUpdate: { maxUnavailable: 1, maxSurge: 0 } },
    },
  }
}

/**
 * The HelmChartConfig with values for K3s's own chart of Traefik. One pod runs on every backend, and with `Local`
 * kube-proxy passes a connection to the pod of the same node with its source address, a balancer's. With `Cluster` it
 * would be a node's, and Traefik would not trust the PROXY header.
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
      ...configRepair(vars.k3s_version),
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

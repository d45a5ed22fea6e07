import { claim, defineAddOn, KEEP, STORAGE_CLASS, TLS_ANNOTATIONS } from '../add-on.ts'

/** K3s runs these parts in one process that does not serve their metrics to others. */
const NOT_IN_K3S = ['kubeControllerManager', 'kubeScheduler', 'kubeProxy', 'kubeEtcd']

export default defineAddOn({
  name: 'monitoring',
  title: 'Prometheus, Alertmanager and Grafana',
  namespace: 'monitoring',
  operated: ['Prometheus', 'Alertmanager'],
  pods: {
    prometheus: { count: 1, cpu: 200, memory: 1024, limit: 2048 },
    alertmanager: { count: 1, cpu: 20, memory: 64, limit: 128 },
    // Its chart sets GOMEMLIMIT to the whole limit, so that Go keeps what it once took up to there.
    grafana: { count: 1, cpu: 100, memory: 320, limit: 1024 },
    // Beside Grafana: one reads the dashboards, one the data sources.
    sidecar: { count: 2, cpu: 10, memory: 80, limit: 192 },
    // Beside Prometheus and beside Alertmanager.
    reloader: { count: 2, cpu: 10, memory: 32, limit: 96 },
    operator: { count: 1, cpu: 50, memory: 96, limit: 256 },
    state: { count: 1, cpu: 20, memory: 64, limit: 256 },
    node: { count: 'node', cpu: 20, memory: 32, limit: 64 },
  },
  volumes: {
    prometheus: { count: 1, gib: 8 },
    alertmanager: { count: 1, gib: 1 },
    grafana: { count: 1, gib: 1 },
  },
  kinds: true,
  // github.com/prometheus-community/helm-charts, charts/kube-prometheus-stack, 2026-08-22
  chart: {
    name: 'kube-prometheus-stack',
    repo: 'https://prometheus-community.github.io/helm-charts',
    version: '88.5.3',
  },
  values: ({ resources, storage, options: { host } }) => ({
    ...Object.fromEntries(NOT_IN_K3S.map(part => [part, { enabled: false }])),
    prometheus: {
      prometheusSpec: {
        retention: '10d',
        // The write-ahead log and a block that is being compacted come on top (8 GiB).
        retentionSize: '6GB',
        resources: resources.prometheus,
        storageSpec: { volumeClaimTemplate: { spec: claim(storage.prometheus) } },
        // What other charts bring is scraped, too.
        serviceMonitorSelectorNilUsesHelmValues: false,
        podMonitorSelectorNilUsesHelmValues: false,
        ruleSelectorNilUsesHelmValues: false,
      },
    },
    alertmanager: {
      alertmanagerSpec: {
        resources: resources.alertmanager,
        storage: { volumeClaimTemplate: { spec: claim(storage.alertmanager) } },
      },
    },
    grafana: {
      resources: resources.grafana,
      sidecar: { resources: resources.sidecar },
      persistence: {
        enabled: true,
        storageClassName: STORAGE_CLASS,
        size: storage.grafana,
        annotations: KEEP,
      },
      // One volume, one writer: a second pod could not attach it.
      deploymentStrategy: { type: 'Recreate' },
      ingress: {
        enabled: host !== undefined,
        annotations: TLS_ANNOTATIONS,
        hosts: host === undefined ? [] : [host],
      },
    },
    prometheusOperator: {
      resources: resources.operator,
      prometheusConfigReloader: { resources: resources.reloader },
    },
    'kube-state-metrics': { resources: resources.state },
    'prometheus-node-exporter': { resources: resources.node },
  }),
})

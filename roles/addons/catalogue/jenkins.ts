import { defineAddOn, KEEP, STORAGE_CLASS, TLS_ANNOTATIONS } from '../add-on.ts'

/** `agent`: the budget counts one build at a time; each further one takes as much. The chart would give it half a processor. */
export default defineAddOn({
  name: 'jenkins',
  title: 'Jenkins',
  namespace: 'jenkins',
  pods: {
    controller: { count: 1, cpu: 200, memory: 1024, limit: 2048 },
    agent: { count: 1, cpu: 500, cpuLimit: 2000, memory: 512, limit: 1024 },
    // Beside the controller: it reads Jenkins' configuration as code.
    reloader: { count: 1, cpu: 10, memory: 80, limit: 192 },
  },
  volumes: { home: { count: 1, gib: 8 } },
  // github.com/jenkinsci/helm-charts, 2026-08-07
  chart: { name: 'jenkins', repo: 'https://charts.jenkins.io', version: '5.9.53' },
  values: ({ resources, storage, options: { host, clusterDomain } }) => ({
    clusterZone: clusterDomain,
    controller: {
      resources: resources.controller,
      sidecars: { configAutoReload: { resources: resources.reloader } },
      // Traefik ends TLS; the chart takes the protocol from its own Ingress.
      jenkinsUrlProtocol: host === undefined ? undefined : 'https',
      javaOpts: '-Xms512m -Xmx1g',
      ingress: {
        enabled: host !== undefined,
        hostName: host,
        ingressClassName: 'traefik',
        annotations: TLS_ANNOTATIONS,
      },
    },
    agent: { resources: resources.agent },
    persistence: { storageClass: STORAGE_CLASS, size: storage.home, annotations: KEEP },
  }),
})

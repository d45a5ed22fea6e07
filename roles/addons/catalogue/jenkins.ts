import { defineAddOn, KEEP, STORAGE_CLASS, TLS_ANNOTATIONS } from '../add-on.ts'

/** `agent`: the budget counts one build at a time; each further one takes as much. */
export default defineAddOn({
  name: 'jenkins',
  title: 'Jenkins',
  namespace: 'jenkins',
  pods: {
    controller: { count: 1, cpu: 200, memory: 1024, limit: 2048 },
    agent: { count: 1, cpu: 500, memory: 512, limit: 1024 },
  },
  volumes: { home: { count: 1, gib: 8 } },
  // github.com/jenkinsci/helm-charts, 2026-08-07
  chart: { name: 'jenkins', repo: 'https://charts.jenkins.io', version: '5.9.53' },
  values: ({ resources, storage, options: { host } }) => ({
    controller: {
      resources: resources.controller,
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

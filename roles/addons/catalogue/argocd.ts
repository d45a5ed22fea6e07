import { defineAddOn, TLS_ANNOTATIONS } from '../add-on.ts'

/** Without what a single cloud does not need: single sign-on (dex) and notifications. */
export default defineAddOn({
  name: 'argocd',
  title: 'Argo CD',
  namespace: 'argocd',
  pods: {
    controller: { count: 1, cpu: 100, memory: 512, limit: 1024 },
    repoServer: { count: 1, cpu: 100, memory: 256, limit: 512 },
    server: { count: 1, cpu: 50, memory: 128, limit: 256 },
    applicationSet: { count: 1, cpu: 50, memory: 128, limit: 256 },
    redis: { count: 1, cpu: 20, memory: 64, limit: 128 },
  },
  volumes: {},
  // github.com/argoproj/argo-helm, release argo-cd-10.3.0; rendered, and compared with the keys, at 10.1.1
  chart: { name: 'argo-cd', repo: 'https://argoproj.github.io/argo-helm', version: '10.3.0' },
  values: ({ resources, options: { host } }) => ({
    global: host === undefined ? {} : { domain: host },
    // Traefik already ends TLS. If Argo CD redirected to HTTPS, too, requests would loop.
    configs: { params: { 'server.insecure': true } },
    controller: { resources: resources.controller },
    repoServer: { resources: resources.repoServer },
    server: {
      resources: resources.server,
      ingress: { enabled: host !== undefined, annotations: TLS_ANNOTATIONS },
    },
    applicationSet: { resources: resources.applicationSet },
    redis: { resources: resources.redis },
    dex: { enabled: false },
    notifications: { enabled: false },
  }),
})

import { defineAddOn, TLS_ANNOTATIONS } from '../add-on.ts'

/**
 * Headlamp: Kubernetes' own dashboard was archived in January 2026 and names it as its successor. Users of the page log
 * in with a token; its own account is read-only.
 */
export default defineAddOn({
  name: 'dashboard',
  title: 'Headlamp',
  namespace: 'headlamp',
  pods: { headlamp: { count: 1, cpu: 20, memory: 128, limit: 256 } },
  volumes: {},
  // github.com/kubernetes-sigs/headlamp, charts/headlamp, 2026-08-21
  chart: {
    name: 'headlamp',
    repo: 'https://kubernetes-sigs.github.io/headlamp/',
    version: '0.45.0',
  },
  values: ({ resources, options: { host } }) => ({
    resources: resources.headlamp,
    clusterRoleBinding: { clusterRoleName: 'view' },
    ingress: {
      enabled: host !== undefined,
      ingressClassName: 'traefik',
      annotations: TLS_ANNOTATIONS,
      hosts: host === undefined ? [] : [{ host, paths: [{ path: '/', type: 'Prefix' }] }],
    },
  }),
})

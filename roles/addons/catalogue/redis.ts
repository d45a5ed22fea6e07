import { defineAddOn, metadata, STORAGE_CLASS } from '../add-on.ts'

const NAMESPACE = 'redis'
const SECRET = 'redis-users'

/**
 * Valkey, which speaks Redis's protocol. Its project maintains a chart with free images. Bitnami's chart for Redis has
 * had no free images since 2025, and Redis itself offers no chart for a single instance.
 */
export default defineAddOn({
  name: 'redis',
  title: 'Redis’ protocol, served by Valkey',
  namespace: NAMESPACE,
  pods: { valkey: { count: 1, cpu: 50, memory: 320, limit: 384 } },
  volumes: { valkey: { count: 1, gib: 2 } },
  // github.com/valkey-io/valkey-helm, 2026-07-22
  chart: { name: 'valkey', repo: 'https://valkey.io/valkey-helm/', version: '0.11.0' },
  values: ({ resources, storage }) => ({
    fullnameOverride: 'redis',
    resources: resources.valkey,
    dataStorage: {
      enabled: true,
      className: STORAGE_CLASS,
      requestedSize: storage.valkey,
      keepPvc: true,
    },
    deploymentStrategy: 'Recreate',
    valkeyConfig: 'maxmemory 256mb\nmaxmemory-policy allkeys-lru\nappendonly yes\n',
    auth: {
      enabled: true,
      usersExistingSecret: SECRET,
      aclUsers: { default: { permissions: '~* &* +@all' } },
    },
  }),
  secrets: ({ password }) => [
    { apiVersion: 'v1', kind: 'Namespace', metadata: metadata(NAMESPACE) },
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: metadata(SECRET, NAMESPACE),
      type: 'Opaque',
      stringData: { default: password?.reveal() ?? '' },
    },
  ],
})

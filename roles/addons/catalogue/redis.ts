import { scryptSync } from 'node:crypto'
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
  values: ({ resources, storage, options: { password, clusterDomain } }) => ({
    fullnameOverride: 'redis',
    clusterDomain,
    // The pod reads its users when it starts: with another password it is another pod.
    podAnnotations: password && { 'fmc/users': fingerprint(password.reveal()) },
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

const known = new Map<string, string>()

/** Changes with the password and says nothing about it: slow to compute, so that nobody finds the password by trying. */
function fingerprint(password: string): string {
  const print = known.get(password) ?? scryptSync(password, 'fmc/users', 8).toString('hex')
  known.set(password, print)
  return print
}

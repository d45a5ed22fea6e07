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
  values: ({ resources, storage, options: { password, clusterDomain, domain } }) => ({
    fullnameOverride: 'redis',
    clusterDomain,
    // The pod reads its users when it starts: with another password it is another pod.
    podAnnotations: password && { 'fmc/users': fingerprint(password.reveal(), domain) },
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

/** RFC 7914: N, the costs in time and memory. 32 MB, and 0.1 s of a processor, for each password that somebody tries. */
const COST = 2 ** 15

const known = new Map<string, string>()

/**
 * Changes with the password. Who may read pods can try passwords with it, for this inventory alone and slowly, so that it
 * helps only against a password that is hard to guess.
 *
 * @param domain - the inventory's: with the namespace it is the salt
 */
function fingerprint(password: string, domain = ''): string {
  const salt = `fmc/users ${NAMESPACE} ${domain}`
  const key = JSON.stringify([salt, password])
  const print =
    known.get(key) ??
    scryptSync(password, salt, 8, { N: COST, maxmem: 2 * 128 * COST * 8 }).toString('hex')
  known.set(key, print)
  return print
}

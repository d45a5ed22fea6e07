import { TaskError } from '../../../lib/index.ts'
import { defineAddOn, metadata } from '../add-on.ts'

/** Where kubeseal looks by itself. */
const NAMESPACE = 'kube-system'
const CONTROLLER = 'sealed-secrets-controller'

/**
 * The key comes from the secrets file, and the controller never renews it. So the secrets file opens every sealed
 * secret, in this cluster or a new one, and no key exists without a copy.
 */
export default defineAddOn({
  name: 'sealed_secrets',
  title: 'Sealed Secrets',
  namespace: NAMESPACE,
  pods: { controller: { count: 1, cpu: 20, memory: 64, limit: 128 } },
  volumes: {},
  workloads: [CONTROLLER],
  kinds: true,
  // github.com/bitnami/sealed-secrets, helm/sealed-secrets, 2026-07-03
  chart: {
    name: 'sealed-secrets',
    repo: 'https://bitnami.github.io/sealed-secrets',
    version: '2.19.1',
  },
  values: ({ resources }) => ({
    fullnameOverride: CONTROLLER,
    keyrenewperiod: '0',
    resources: resources.controller,
  }),
  secrets: ({ key }) => {
    const { privateKey, certificate } = parts(key?.reveal() ?? '')
    const { labels, ...named } = metadata('sealed-secrets-key', NAMESPACE)
    return [
      {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: {
          ...named,
          labels: { ...labels, 'sealedsecrets.bitnami.com/sealed-secrets-key': 'active' },
        },
        type: 'kubernetes.io/tls',
        stringData: { 'tls.crt': certificate, 'tls.key': privateKey },
      },
    ]
  },
})

const PEM = (label: string): RegExp =>
  new RegExp(`-----BEGIN ${label}-----\\n[A-Za-z0-9+/=\\n]+-----END ${label}-----`)

/** Private key and certificate of the secret. Throws TaskError, which quotes none of it, when one is missing. */
export function parts(pem: string): { privateKey: string; certificate: string } {
  const text = pem.replaceAll('\r\n', '\n')
  const [privateKey] = PEM('(?:RSA )?PRIVATE KEY').exec(text) ?? []
  const [certificate] = PEM('CERTIFICATE').exec(text) ?? []
  if (privateKey !== undefined && certificate !== undefined)
    return { privateKey: `${privateKey}\n`, certificate: `${certificate}\n` }
  throw new TaskError(
    `addons.sealed_secrets.key has no ${privateKey === undefined ? 'private key' : 'certificate'} in PEM`,
    { hint: 'how to make it: fmc doc addons, "Sealed Secrets"' },
  )
}

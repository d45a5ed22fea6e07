import { toYaml, type Yaml } from './yaml.ts'

/** A Kubernetes object of a manifest. */
export type KubernetesObject = { readonly [key: string]: Yaml | undefined } & {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly [key: string]: Yaml | undefined } & { readonly name: string }
}

/** A Helm chart that K3s's helm-controller installs and upgrades. */
export interface Chart {
  /** Name of the HelmChart object and of the release. */
  readonly name: string
  readonly chart: string
  readonly repo: string
  readonly version: string
  readonly namespace: string
  readonly values: Yaml
}

/** Namespace of the HelmChart objects; each release is in its own namespace. */
export const CHARTS_NAMESPACE = 'kube-system'

export const LABELS = { 'app.kubernetes.io/managed-by': 'fmc' } as const

/**
 * The HelmChart object. `abort`, because the default policy answers a failed upgrade by uninstalling the release, with
 * its volumes (helm-controller, spec.failurePolicy).
 */
export const helmChart = (c: Chart): KubernetesObject => ({
  apiVersion: 'helm.cattle.io/v1',
  kind: 'HelmChart',
  metadata: { name: c.name, namespace: CHARTS_NAMESPACE, labels: LABELS },
  spec: {
    repo: c.repo,
    chart: c.chart,
    version: c.version,
    targetNamespace: c.namespace,
    createNamespace: true,
    failurePolicy: 'abort',
    valuesContent: toYaml(c.values),
  },
})

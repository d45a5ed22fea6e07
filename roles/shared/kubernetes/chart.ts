import { bundledWith } from './bundled.ts'
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
  /** Its name in `repo`, or `oci://registry/path`. */
  readonly chart: string
  /** URL of a chart repository; undefined for an OCI registry. */
  readonly repo?: string | undefined
  readonly version: string
  readonly namespace: string
  readonly values: Yaml
  /** The release of K3s that reads the object; undefined: a new one. */
  readonly k3s: string | undefined
}

/** Namespace of the HelmChart objects; each release is in its own namespace. */
export const CHARTS_NAMESPACE = 'kube-system'

export const LABELS = { 'app.kubernetes.io/managed-by': 'fmc' } as const

/**
 * What helm's job does with a failed release, and with fields that somebody else set. `retry` upgrades it with the values
 * of now; the default would uninstall it first, and `abort` would never call helm again. Helm 4 applies on the server,
 * where a field that a person changed (`kubectl scale`) belongs to that person: without `forceConflicts` the next upgrade
 * fails. (helm-controller v0.17.6, types.go; klipper-helm v0.13.3, entry; K3s sets both for its own charts.)
 */
const REPAIRED = { failurePolicy: 'retry', forceConflicts: true } as const

/** Fields of a HelmChart that keep a failed release; where this K3s cannot repair one, it is left as it is, with its volumes. */
export const chartRepair = (k3s: string | undefined): Readonly<Record<string, Yaml>> =>
  bundledWith(k3s).repairs ? REPAIRED : { failurePolicy: 'abort' }

/** The same fields of a HelmChartConfig: for a chart of K3s' own, which K3s may install again. */
export const configRepair = (k3s: string | undefined): Readonly<Record<string, Yaml>> =>
  bundledWith(k3s).repairs ? REPAIRED : {}

/** The HelmChart object. */
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
    ...chartRepair(c.k3s),
    valuesContent: toYaml(c.values),
  },
})

import { z } from '../../../lib/index.ts'
import { CHARTS_NAMESPACE, type KubernetesObject } from './chart.ts'
import { itemsIn, kubectl, objectName, type Answer } from './kubectl.ts'

/** HelmCharts, HelmChartConfigs (values for K3s's own charts), and the jobs that install them. */
export const CHARTS = kubectl(
  ...['-n', CHARTS_NAMESPACE, 'get'],
  'helmcharts.helm.cattle.io,helmchartconfigs.helm.cattle.io,jobs.batch',
  ...['-o', 'json'],
)

const Condition = z.looseObject({
  type: z.string(),
  status: z.string(),
  message: z.string().optional(),
})
const Item = z.looseObject({
  kind: z.string(),
  metadata: z.looseObject({
    name: objectName,
    uid: z.string().optional(),
    labels: z.record(z.string(), z.string()).optional(),
  }),
  spec: z
    .looseObject({
      repo: z.string().optional(),
      chart: z.string().optional(),
      version: z.string().optional(),
      valuesContent: z.string().optional(),
      failurePolicy: z.string().optional(),
      forceConflicts: z.boolean().optional(),
      targetNamespace: objectName.optional(),
      template: z
        .looseObject({
          metadata: z
            .looseObject({ annotations: z.record(z.string(), z.string()).optional() })
            .optional(),
        })
        .optional(),
    })
    .optional(),
  status: z.looseObject({ conditions: z.array(Condition).optional() }).optional(),
})
export type Item = z.output<typeof Item>

/** The cluster's charts and jobs, or why they are unknown. */
export function readCharts(answer: Answer): readonly Item[] | string {
  return itemsIn('the charts', answer, Item)
}

export const find = (state: readonly Item[], kind: string, name: string): Item | undefined =>
  state.find(item => item.kind === kind && item.metadata.name === name)

/** The job in which helm installs and upgrades a chart (helm-controller, jobName). */
export const jobOf = (state: readonly Item[], name: string): Item | undefined =>
  find(state, 'Job', `helm-install-${name}`)

/** Is this condition true? */
export const holds = (item: Item | undefined, type: string): boolean =>
  item?.status?.conditions?.some(c => c.type === type && c.status === 'True') === true

/** Fields of a HelmChart or HelmChartConfig that are compared, beside forceConflicts and the values. */
const COMPARED = ['repo', 'chart', 'version', 'failurePolicy'] as const

/** The API server writes it into an object that does not say (helm-controller v0.16.13, types.go, +kubebuilder:default). */
const DEFAULTS: Readonly<Record<string, string>> = { failurePolicy: 'reinstall' }

/**
 * How a HelmChart or HelmChartConfig in the cluster differs from its manifest; of a job of its namespace, whether it is
 * there. Other kinds are not compared.
 */
export function differences(object: KubernetesObject, state: readonly Item[]): string[] {
  if (!object.kind.startsWith('HelmChart') && object.kind !== 'Job') return []
  const { name } = object.metadata
  const now = find(state, object.kind, name)
  if (!now) return [`${object.kind} ${name} is not in the cluster`]
  if (object.kind === 'Job') return []
  const want = object['spec'] as NonNullable<Item['spec']> & { readonly valuesContent: string }
  return [
    ...COMPARED.flatMap(key => {
      const [is, wanted] = [now.spec?.[key], want[key]]
      return (is ?? DEFAULTS[key]) === (wanted ?? DEFAULTS[key])
        ? []
        : [`${name} has the ${key} ${is ?? 'none'}, not ${wanted ?? 'none'}`]
    }),
    ...((now.spec?.forceConflicts ?? false) === (want.forceConflicts ?? false)
      ? []
      : [`${name} has another forceConflicts`]),
    ...(want.valuesContent.trimEnd() === now.spec?.valuesContent?.trimEnd()
      ? []
      : [`${name} has other values`]),
  ]
}

/** What kubectl will answer once these objects are applied. */
export function applied(objects: readonly KubernetesObject[], state: readonly Item[]): Answer {
  const changed = objects.filter(object => differences(object, state).length > 0)
  const isOf = (item: Item) => (o: KubernetesObject) =>
    o.kind === item.kind && o.metadata.name === item.metadata.name
  const items = [...state.filter(item => !changed.some(isOf(item))), ...changed]
  return { code: 0, stdout: JSON.stringify({ items }), stderr: '' }
}

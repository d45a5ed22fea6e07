import { TaskError, z } from '../../../lib/index.ts'
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
    labels: z.record(z.string(), z.string()).optional(),
  }),
  spec: z
    .looseObject({ version: z.string().optional(), valuesContent: z.string().optional() })
    .optional(),
  status: z.looseObject({ conditions: z.array(Condition).optional() }).optional(),
})
export type Item = z.output<typeof Item>

/** The cluster's charts and jobs, or why they are unknown. */
export function readCharts(answer: Answer): readonly Item[] | string {
  return itemsIn('the charts', answer, Item)
}

const find = (state: readonly Item[], kind: string, name: string): Item | undefined =>
  state.find(item => item.kind === kind && item.metadata.name === name)

const holds = (item: Item, type: string): boolean =>
  item.status?.conditions?.some(c => c.type === type && c.status === 'True') === true

/** How a HelmChart or HelmChartConfig in the cluster differs from its manifest. Other kinds are not compared. */
export function differences(object: KubernetesObject, state: readonly Item[]): string[] {
  if (!object.kind.startsWith('HelmChart')) return []
  const { name } = object.metadata
  const now = find(state, object.kind, name)
  if (!now) return [`${object.kind} ${name} is not in the cluster`]
  const want = object['spec'] as { readonly version?: string; readonly valuesContent: string }
  return [
    ...(want.version === now.spec?.version
      ? []
      : [`${name} has the version ${now.spec?.version ?? 'none'}, not ${want.version ?? 'none'}`]),
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

/** true, or which charts differ from their manifests or are not installed yet. */
export function deployed(
  objects: readonly KubernetesObject[],
  state: readonly Item[],
): true | string {
  const waiting = objects.flatMap(object => {
    const differing = differences(object, state)
    return differing.length > 0 || object.kind !== 'HelmChart'
      ? differing
      : released(object.metadata.name, state)
  })
  return waiting.length === 0 || waiting.join('; ')
}

const FAILED = 'helm could not install'

/** Why a chart's release is not installed as its HelmChart says; empty when helm's job has installed it. */
export function released(name: string, state: readonly Item[]): string[] {
  const chart = find(state, 'HelmChart', name)
  if (!chart) return [`HelmChart ${name} is not in the cluster`]
  const job = find(state, 'Job', `helm-install-${name}`)
  const failed = chart.status?.conditions?.find(c => c.type === 'Failed' && c.status === 'True')
  if (failed || (job && holds(job, 'Failed')))
    return [
      `${FAILED} ${name}: ${failed?.message ?? 'its job failed'} (k3s kubectl -n ${CHARTS_NAMESPACE} logs job/helm-install-${name})`,
    ]
  return job && holds(job, 'Complete') ? [] : [`helm is installing ${name}`]
}

/** A failure counts once it was seen so often in a row: until helm's next job starts, the old job still shows its failure. */
const FAILURES_THAT_COUNT = 5

/**
 * For a gate: true, or which of these charts is not installed yet. helm does not retry after a failure (`abort`), so
 * a lasting failure ends the wait with a TaskError.
 */
export function chartsDeployed(objects: readonly KubernetesObject[]): () => Promise<true | string> {
  let failures = 0
  return async () => {
    const state = readCharts(await CHARTS.ask())
    if (typeof state === 'string') return state
    const answer = deployed(objects, state)
    failures = answer !== true && answer.includes(FAILED) ? failures + 1 : 0
    if (answer !== true && failures >= FAILURES_THAT_COUNT) throw new TaskError(answer)
    return answer
  }
}

import { quote, quoteAll, TaskError } from '../../lib/index.ts'
import { CHARTS_NAMESPACE, type KubernetesObject } from '../shared/kubernetes/chart.ts'
import { CHARTS, holds, find, readCharts } from '../shared/kubernetes/charts.ts'
import { podsOfJob, readTries, type Tries } from '../shared/kubernetes/helm-pods.ts'
import { metadata } from './metadata.ts'

/** The images of the pinned K3s' own helm jobs (k3s v1.36.3, scripts/airgap/image-list.txt) and of its Kubernetes. */
const HELM = 'docker.io/rancher/klipper-helm:v0.13.3-build20260727'
const KUBECTL = 'registry.k8s.io/kubectl:v1.36.3'

export interface ChartOf {
  readonly name: string
  readonly repo?: string | undefined
  readonly version: string
}

const FILE = '/work/crds.yaml'
const nameOf = (addOn: string): string => `fmc-crds-${addOn}`

/** Name of the job that applies the kinds of this version: a job cannot be changed, so that each version has its own. */
const jobName = (addOn: string, version: string): string =>
  `${nameOf(addOn)}-${version.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')}`
    .slice(0, 63)
    .replace(/-+$/, '')

const container = (name: string, image: string, command: readonly string[]) => ({
  name,
  image,
  command,
  // So that the pod itself says why it failed.
  terminationMessagePolicy: 'FallbackToLogsOnError',
  env: [
    { name: 'HOME', value: '/work' },
    { name: 'HELM_CACHE_HOME', value: '/work/cache' },
  ],
  resources: { requests: { cpu: '20m', memory: '64Mi' }, limits: { memory: '512Mi' } },
  securityContext: {
    allowPrivilegeEscalation: false,
    capabilities: { drop: ['ALL'] },
    readOnlyRootFilesystem: true,
  },
  volumeMounts: [{ name: 'work', mountPath: '/work' }],
})

/**
 * A job that applies the kinds (CustomResourceDefinitions) in a chart's directory crds/. helm makes them when it installs a
 * chart and never again (helm.sh, "Custom Resource Definitions"), so that an operator's new version would meet its old kinds.
 */
export function kindsJob(addOn: string, chart: ChartOf): readonly KubernetesObject[] {
  const show = [
    ...['helm', 'show', 'crds', chart.name, '--version', chart.version],
    ...(chart.repo === undefined ? [] : ['--repo', chart.repo]),
  ]
  const name = nameOf(addOn)
  const account = {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: metadata(name, CHARTS_NAMESPACE),
  }
  // kubectl refuses to apply nothing: of a version without kinds the job applies its own account, which is there.
  const script = `${quoteAll(show)} > ${FILE} && { grep -q '^kind:' ${FILE} || echo ${quote(JSON.stringify(account))} > ${FILE}; }`
  const RBAC = 'rbac.authorization.k8s.io'
  return [
    account,
    {
      apiVersion: `${RBAC}/v1`,
      kind: 'ClusterRole',
      metadata: metadata(name),
      rules: [
        {
          apiGroups: ['apiextensions.k8s.io'],
          resources: ['customresourcedefinitions'],
          verbs: ['get', 'create', 'patch'],
        },
        {
          apiGroups: [''],
          resources: ['serviceaccounts'],
          resourceNames: [name],
          verbs: ['get', 'patch'],
        },
      ],
    },
    {
      apiVersion: `${RBAC}/v1`,
      kind: 'ClusterRoleBinding',
      metadata: metadata(name),
      subjects: [{ kind: 'ServiceAccount', name, namespace: CHARTS_NAMESPACE }],
      roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name },
    },
    {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: metadata(jobName(addOn, chart.version), CHARTS_NAMESPACE),
      spec: {
        // As helm's own jobs: a registry that does not answer may be there later.
        backoffLimit: 1000,
        template: {
          spec: {
            restartPolicy: 'OnFailure',
            serviceAccountName: name,
            securityContext: {
              runAsNonRoot: true,
              runAsUser: 1000,
              runAsGroup: 1000,
              fsGroup: 1000,
              seccompProfile: { type: 'RuntimeDefault' },
            },
            initContainers: [container('helm', HELM, ['sh', '-c', script])],
            containers: [
              container('kubectl', KUBECTL, [
                ...['kubectl', 'apply', '--server-side', '--force-conflicts'],
                ...['--field-manager=fmc', '-f', FILE],
              ]),
            ],
            volumes: [{ name: 'work', emptyDir: {} }],
          },
        },
      },
    },
  ]
}

/** A job that failed so often ends the wait, if it failed again during the wait. */
const FAILURES_THAT_COUNT = 3

/**
 * Check of a gate: true, or why the kinds of this job are not applied yet, as its pods say. A job that fails again and
 * again ends the wait with a TaskError.
 */
export function kindsApplied(objects: readonly KubernetesObject[]): () => Promise<true | string> {
  const [name = ''] = objects.flatMap(o => (o.kind === 'Job' ? [o.metadata.name] : []))
  let atFirst: number | undefined
  return async () => {
    const state = readCharts(await CHARTS.ask())
    if (typeof state === 'string') return state
    const job = find(state, 'Job', name)
    if (!job) return `K3s has not made the job ${name} yet`
    if (holds(job, 'Complete')) return true
    const tries = readTries(await podsOfJob(name).ask(), job)
    if (typeof tries === 'string') return tries
    const why = unfinished(name, tries)
    atFirst = Math.min(atFirst ?? tries.failures, tries.failures)
    if (holds(job, 'Failed') || (tries.failures >= FAILURES_THAT_COUNT && tries.failures > atFirst))
      throw new TaskError(why)
    return why
  }
}

/** Why a job for kinds has not ended, with the command that shows more. */
export function unfinished(name: string, { failures, said, waits }: Tries): string {
  const hint = `k3s kubectl -n ${CHARTS_NAMESPACE} logs job/${name} --all-containers`
  if (failures > 0)
    return `the job ${name} failed (${failures} ${failures === 1 ? 'try' : 'tries'}): ${said ?? 'its log says why'} (${hint})`
  return `the job ${name} has not ended${waits === undefined ? ` (${hint})` : `: ${waits}`}`
}

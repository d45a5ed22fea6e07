import { quoteAll } from '../../lib/index.ts'
import { CHARTS_NAMESPACE, type KubernetesObject } from '../shared/kubernetes/chart.ts'
import { CHARTS, holds, find, readCharts } from '../shared/kubernetes/charts.ts'
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
  const RBAC = 'rbac.authorization.k8s.io'
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: metadata(name, CHARTS_NAMESPACE) },
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
            initContainers: [container('helm', HELM, ['sh', '-c', `${quoteAll(show)} > ${FILE}`])],
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

/** For a gate: true, or why the kinds of this job are not applied yet. */
export async function applied(objects: readonly KubernetesObject[]): Promise<true | string> {
  const state = readCharts(await CHARTS.ask())
  if (typeof state === 'string') return state
  for (const { metadata: wanted } of objects.filter(o => o.kind === 'Job')) {
    const job = find(state, 'Job', wanted.name)
    if (!job) return `K3s has not made the job ${wanted.name} yet`
    if (!holds(job, 'Complete'))
      return `the job ${wanted.name} has not ended (k3s kubectl -n ${CHARTS_NAMESPACE} logs job/${wanted.name} --all-containers)`
  }
  return true
}

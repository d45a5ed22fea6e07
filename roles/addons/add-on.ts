import { helmChart, type KubernetesObject } from '../shared/kubernetes/chart.ts'
import type { Yaml } from '../shared/kubernetes/yaml.ts'
import { kindsJob } from './crds.ts'
import { metadata } from './metadata.ts'
import type { Name, Options } from './vars.ts'

/** Pods of one kind, or containers beside them, and the resources of each. */
export interface Pods {
  /** `node`: one on every node. */
  readonly count: number | 'node'
  /** Request, in thousandths of a processor. */
  readonly cpu: number
  /** Thousandths of a processor that a pod cannot exceed, where its chart would set a limit that is too low. */
  readonly cpuLimit?: number
  /** Request, in MiB. */
  readonly memory: number
  /** Memory in MiB above which Kubernetes kills a pod. */
  readonly limit: number
}

/** Volumes of one kind. */
export interface Volumes {
  readonly count: number
  /** Size of each, in GiB. */
  readonly gib: number
}

type Values = Readonly<Record<string, Yaml | undefined>>

/** What an add-on's values and objects are made from. */
export interface Sizes<P extends string, V extends string> {
  /** Kubernetes' `resources` by kind of pod. */
  readonly resources: Readonly<Record<P, Values>>
  /** Size of one volume, such as 10Gi. */
  readonly storage: Readonly<Record<V, string>>
  readonly options: Options
}

interface Definition<P extends string, V extends string> {
  readonly title: string
  readonly name: Name
  readonly namespace: string
  readonly pods: Readonly<Record<P, Pods>>
  readonly volumes: Readonly<Record<V, Volumes>>
  /** `name` is that in `repo`, or `oci://registry/path` without `repo`. */
  readonly chart: { readonly name: string; readonly repo?: string; readonly version: string }
  values(sizes: Sizes<P, V>): Values
  /** Custom resources for its operator, applied once the chart has brought their kinds. */
  objects?(sizes: Sizes<P, V>): readonly KubernetesObject[]
  /** Objects with secrets in clear text: a separate manifest, written before the chart. */
  secrets?(options: Options): readonly KubernetesObject[]
  /** The chart has kinds in its directory crds/, which helm never upgrades. */
  readonly kinds?: boolean
  /** Kinds of which the chart makes objects that an operator reports about. */
  readonly operated?: readonly string[]
  /** Its own workloads, where it shares the namespace. Default: all of the namespace. */
  readonly workloads?: readonly string[]
}

/** One entry of the catalogue. */
export interface AddOn {
  readonly title: string
  readonly name: Name
  readonly namespace: string
  readonly pods: readonly Pods[]
  readonly volumes: readonly Volumes[]
  readonly workloads: readonly string[] | undefined
  readonly operated: readonly string[]
  /** The job that applies the chart's kinds, and its rights; [] = helm upgrades them. Before the chart. */
  kinds(options: Options): readonly KubernetesObject[]
  /** The HelmChart, named like the add-on. */
  chart(options: Options): KubernetesObject
  objects(options: Options): readonly KubernetesObject[]
  secrets(options: Options): readonly KubernetesObject[]
}

const resources = ({ cpu, cpuLimit, memory, limit }: Pods): Values => ({
  requests: { cpu: `${cpu}m`, memory: `${memory}Mi` },
  limits: { cpu: cpuLimit === undefined ? undefined : `${cpuLimit}m`, memory: `${limit}Mi` },
})

const mapped = <K extends string, A, B>(of: Readonly<Record<K, A>>, fn: (value: A) => B) =>
  Object.fromEntries(Object.entries<A>(of).map(([k, v]) => [k, fn(v)])) as Record<K, B>

const isMap = (value: unknown): value is Values =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** `over` laid over `base`: maps are merged, everything else is replaced, as helm does. */
export function overlaid(base: Values, over: Readonly<Record<string, unknown>>): Values {
  const result: Record<string, Yaml | undefined> = { ...base }
  for (const [key, value] of Object.entries(over)) {
    const now = base[key]
    result[key] = isMap(now) && isMap(value) ? overlaid(now, value) : (value as Yaml)
  }
  return result
}

/** Name of an add-on's HelmChart, which must be a DNS name. */
export const chartName = (name: Name): string => name.replaceAll('_', '-')

/** An entry of the catalogue from its definition. `version` and `values` of the inventory override the definition's. */
export function defineAddOn<P extends string, V extends string>(d: Definition<P, V>): AddOn {
  const sizes = (options: Options): Sizes<P, V> => ({
    resources: mapped(d.pods, resources),
    storage: mapped(d.volumes, v => `${v.gib}Gi`),
    options,
  })
  return {
    title: d.title,
    name: d.name,
    namespace: d.namespace,
    pods: Object.values<Pods>(d.pods),
    volumes: Object.values<Volumes>(d.volumes),
    workloads: d.workloads,
    operated: d.operated ?? [],
    kinds: ({ version = d.chart.version }) =>
      d.kinds === true ? kindsJob(chartName(d.name), { ...d.chart, version }) : [],
    chart: options =>
      helmChart({
        name: chartName(d.name),
        chart: d.chart.name,
        repo: d.chart.repo,
        version: options.version ?? d.chart.version,
        namespace: d.namespace,
        k3s: options.k3s,
        values: overlaid(d.values(sizes(options)), options.values ?? {}),
      }),
    objects: options => d.objects?.(sizes(options)) ?? [],
    secrets: options => d.secrets?.(options) ?? [],
  }
}

/** Longhorn's storage class. It is named because the cluster's default may change. */
export const STORAGE_CLASS = 'longhorn'

/** The spec of a volume claim on Longhorn; `size` such as 10Gi. */
export const claim = (size: string): Values => ({
  storageClassName: STORAGE_CLASS,
  accessModes: ['ReadWriteOnce'],
  resources: { requests: { storage: size } },
})

/** Annotation with which helm keeps an object when it uninstalls the release. */
export const KEEP = { 'helm.sh/resource-policy': 'keep' } as const

/** Annotations of an Ingress: pages are served over TLS only, with Traefik's own certificate unless it has another. */
export const TLS_ANNOTATIONS = {
  'traefik.ingress.kubernetes.io/router.entrypoints': 'websecure',
  'traefik.ingress.kubernetes.io/router.tls': 'true',
} as const

export { metadata }

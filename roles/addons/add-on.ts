import { helmChart, LABELS, type KubernetesObject } from '../shared/kubernetes/chart.ts'
import type { Yaml } from '../shared/kubernetes/yaml.ts'
import type { Name, Options } from './vars.ts'

/** Pods of one kind: what each asks for, and the memory it is ended above. */
export interface Pods {
  /** `node`: one on every node. */
  readonly count: number | 'node'
  /** Thousandths of a processor. */
  readonly cpu: number
  /** MiB. */
  readonly memory: number
  readonly limit: number
}

export interface Volumes {
  readonly count: number
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
  readonly chart: { readonly name: string; readonly repo: string; readonly version: string }
  values(sizes: Sizes<P, V>): Values
  /** What its operator makes the service from: applied when the chart has brought the kinds. */
  objects?(sizes: Sizes<P, V>): readonly KubernetesObject[]
  /** What holds a secret, in clear: a manifest of its own, before the chart. */
  secrets?(options: Options): readonly KubernetesObject[]
  /** In a namespace shared with others: the workloads that are its own. */
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
  /** The HelmChart, named like the add-on. */
  chart(options: Options): KubernetesObject
  objects(options: Options): readonly KubernetesObject[]
  secrets(options: Options): readonly KubernetesObject[]
}

const resources = ({ cpu, memory, limit }: Pods): Values => ({
  requests: { cpu: `${cpu}m`, memory: `${memory}Mi` },
  limits: { memory: `${limit}Mi` },
})

const mapped = <K extends string, A, B>(of: Readonly<Record<K, A>>, fn: (value: A) => B) =>
  Object.fromEntries(Object.entries<A>(of).map(([k, v]) => [k, fn(v)])) as Record<K, B>

const isMap = (value: unknown): value is Values =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The second over the first; maps are merged, everything else is replaced, as helm does. */
export function overlaid(base: Values, over: Readonly<Record<string, unknown>>): Values {
  const result: Record<string, Yaml | undefined> = { ...base }
  for (const [key, value] of Object.entries(over)) {
    const now = base[key]
    result[key] = isMap(now) && isMap(value) ? overlaid(now, value) : (value as Yaml)
  }
  return result
}

/** HelmChart objects have DNS names. */
export const chartName = (name: Name): string => name.replaceAll('_', '-')

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
    chart: options =>
      helmChart({
        name: chartName(d.name),
        chart: d.chart.name,
        repo: d.chart.repo,
        version: options.version ?? d.chart.version,
        namespace: d.namespace,
        values: overlaid(d.values(sizes(options)), options.values ?? {}),
      }),
    objects: options => d.objects?.(sizes(options)) ?? [],
    secrets: options => d.secrets?.(options) ?? [],
  }
}

/** Longhorn's class, by name: the default may be another one some day. */
export const STORAGE_CLASS = 'longhorn'

export const claim = (size: string): Values => ({
  storageClassName: STORAGE_CLASS,
  accessModes: ['ReadWriteOnce'],
  resources: { requests: { storage: size } },
})

/** helm leaves it where it is when the release goes. */
export const KEEP = { 'helm.sh/resource-policy': 'keep' } as const

/** Pages are served over TLS only, with Traefik's own certificate unless it has another. */
export const TLS_ANNOTATIONS = {
  'traefik.ingress.kubernetes.io/router.entrypoints': 'websecure',
  'traefik.ingress.kubernetes.io/router.tls': 'true',
} as const

export const metadata = (name: string, namespace?: string) => ({ name, namespace, labels: LABELS })

import { quoteAll, resource, TaskError, type Common } from '../../lib/index.ts'
import { KUBECTL } from '../shared/k3s/platform.ts'
import { CHARTS_NAMESPACE, type KubernetesObject } from '../shared/kubernetes/chart.ts'
import { CHARTS, readCharts, type Item } from '../shared/kubernetes/charts.ts'
import { isMissing } from '../shared/kubernetes/kubectl.ts'
import type { AddOn } from './add-on.ts'
import { chartName } from './add-on.ts'

const isInstalled = (entry: AddOn, state: readonly Item[]): boolean =>
  state.some(
    i =>
      i.kind === 'HelmChart' &&
      i.metadata.name === chartName(entry.name) &&
      i.metadata.labels?.['app.kubernetes.io/managed-by'] === 'fmc',
  )

/** Throws TaskError for an installed add-on that the inventory does not name: it would go on running unmanaged. */
export const nothingForgotten = resource({
  name: (_: Common & { readonly unnamed: readonly AddOn[] }) => 'every add-on is in the inventory',
  needs: () => ({ now: CHARTS.query }),
  plan({ unnamed }, { now }, { doubt }) {
    const state = readCharts(now)
    if (typeof state === 'string') {
      if (doubt || isMissing(now)) return []
      throw new TaskError(state)
    }
    const forgotten = unnamed.filter(entry => isInstalled(entry, state)).map(e => e.name)
    if (forgotten.length === 0) return []
    throw new TaskError(`${forgotten.join(', ')}: installed, but no longer in addons`, {
      hint: `to uninstall, keeping the volumes: addons: { ${forgotten.map(n => `${n}: { state: absent }`).join(', ')} }`,
    })
  },
})

interface Removal extends Common {
  readonly entry: AddOn
  readonly objects: readonly KubernetesObject[]
}

/** Uninstalls an add-on: first its custom resources, which only its running operator can take down, then the chart. */
export const uninstalled = resource({
  name: (o: Removal) => `add-on ${o.entry.name} uninstalled`,
  needs: () => ({ now: CHARTS.query }),
  plan({ entry, objects }, { now }, { doubt }) {
    const state = readCharts(now)
    if (typeof state === 'string') {
      if (doubt || isMissing(now)) return []
      throw new TaskError(state)
    }
    if (!isInstalled(entry, state)) return []
    return [
      {
        what: `uninstall ${entry.title}; volumes stay`,
        script: [...objects.toReversed().map(removal), chartRemoval(entry)].join('\n'),
        timeoutMs: 15 * 60_000,
      },
    ]
  },
})

const group = (apiVersion: string): string =>
  apiVersion.includes('/') ? `.${apiVersion.replace(/\/.*/, '')}` : ''

/** Shell text that deletes an object. It succeeds if the cluster does not know the kind: the chart was never installed. */
export const removal = ({ kind, apiVersion, metadata }: KubernetesObject): string =>
  `out=$(${quoteAll([
    ...[...KUBECTL, 'delete', '--ignore-not-found'],
    ...(typeof metadata['namespace'] === 'string' ? ['-n', metadata['namespace']] : []),
    `${kind.toLowerCase()}${group(apiVersion)}`,
    metadata.name,
  ])} 2>&1) || case $out in *"doesn't have a resource type"*) ;; *) echo "$out" >&2; exit 1 ;; esac`

const chartRemoval = (entry: AddOn): string =>
  quoteAll([
    ...[...KUBECTL, 'delete', '--ignore-not-found', '-n', CHARTS_NAMESPACE],
    ...['helmchart.helm.cattle.io', chartName(entry.name)],
  ])

import { gate, inventory, role } from '../../lib/index.ts'
import type { KubernetesObject } from '../shared/kubernetes/chart.ts'
import { chartsInstalled } from '../shared/kubernetes/chart-gate.ts'
import { isKeeper, manifest, onlyManifests, secretManifest } from '../shared/kubernetes/manifest.ts'
import { workersOf } from '../shared/k3s/workers.ts'
import { chartName, type AddOn } from './add-on.ts'
import { excess } from './budget.ts'
import { clusterOf, entries } from './catalogue.ts'
import { kindsApplied } from './crds.ts'
import { install } from './installation.ts'
import { isReady } from './ready.ts'
import { nothingForgotten, uninstalled } from './removal.ts'
import { ignoredValues } from './value-advice.ts'
import { vars as schema, type Options } from './vars.ts'

export default role({
  name: 'addons',
  summary: 'What else runs in the cluster: monitoring, logging, Redis, Kafka, Argo CD, Jenkins …',
  vars: schema,
  advise: ({ vars, inventory }) =>
    [...excess(vars, workersOf(inventory, vars.addons_nodes)), ...ignoredValues(vars.addons)].map(
      found => ({ variable: 'addons', ...found }),
    ),
  async tasks({ vars, host }) {
    const all = entries(vars.addons, clusterOf(vars, inventory().domain))
    if (!isKeeper(host)) {
      await onlyManifests({ prefix: 'addon-', keep: [] })
      return
    }
    const present = all.flatMap(([entry, options]) =>
      options?.state === 'present' ? [[entry, options] as const] : [],
    )
    await nothingForgotten({ unnamed: all.flatMap(([e, options]) => (options ? [] : [e])) })
    await onlyManifests({
      prefix: 'addon-',
      keep: present.flatMap(([entry, options]) =>
        [...early(entry, options), ...late(entry, options)].map(m => m.name),
      ),
    })
    for (const [entry, options] of all)
      if (options?.state === 'absent')
        await uninstalled({ entry, objects: [...entry.kinds(options), ...entry.objects(options)] })
    const installed = await chartsInstalled(present.map(([entry, options]) => entry.chart(options)))
    await install(present, {
      hasKinds: ([entry, options]) => entry.kinds(options).length > 0,
      prepare: ([entry, options]) => write(early(entry, options)),
      awaitKinds: ([entry, options], timeoutSeconds) =>
        gate(
          `the kinds of ${entry.name} are those of its chart`,
          kindsApplied(entry.kinds(options)),
          { timeoutSeconds, everySeconds: 2 },
        ),
      write: ([entry, options]) => write(late(entry, options)),
      awaitReady: ([entry, options], timeoutSeconds) =>
        gate(`add-on ${entry.name} is ready`, isReady(entry, options, installed), {
          timeoutSeconds,
          everySeconds: 2,
        }),
    })
  },
})

interface Manifest {
  readonly name: string
  readonly objects: readonly KubernetesObject[]
  readonly write: (
    role: string,
    name: string,
    objects: readonly KubernetesObject[],
  ) => Promise<unknown>
}

async function write(manifests: readonly Manifest[]): Promise<void> {
  for (const { name, objects, write } of manifests) await write('addons', name, objects)
}

const nameOf = (entry: AddOn): string => `addon-${chartName(entry.name)}`
const used = (manifests: readonly Manifest[]): Manifest[] =>
  manifests.filter(({ objects }) => objects.length > 0)

/** An add-on's manifests before its chart: the job for its kinds, and its secrets. */
const early = (entry: AddOn, options: Options): Manifest[] =>
  used([
    { name: `${nameOf(entry)}-kinds`, objects: entry.kinds(options), write: manifest },
    { name: `${nameOf(entry)}-secrets`, objects: entry.secrets(options), write: secretManifest },
  ])

/** Its chart, and the custom resources for its operator. */
const late = (entry: AddOn, options: Options): Manifest[] =>
  used([
    { name: nameOf(entry), objects: [entry.chart(options)], write: manifest },
    { name: `${nameOf(entry)}-objects`, objects: entry.objects(options), write: manifest },
  ])

import { gate, role } from '../../lib/index.ts'
import { chartsInstalled } from '../shared/kubernetes/chart-gate.ts'
import { isKeeper, manifest, onlyManifests, secretManifest } from '../shared/kubernetes/manifest.ts'
import { workersOf } from '../shared/k3s/workers.ts'
import { chartName, type AddOn } from './add-on.ts'
import { excess } from './budget.ts'
import { entries } from './catalogue.ts'
import { applied } from './crds.ts'
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
    const all = entries(vars.addons, vars.k3s_cluster_domain)
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
      keep: present.flatMap(([entry, options]) => [
        ...(entry.kinds(options).length > 0 ? [kindsManifest(entry)] : []),
        ...manifestsOf(entry, options).map(m => m.name),
      ]),
    })
    for (const [entry, options] of all)
      if (options?.state === 'absent')
        await uninstalled({ entry, objects: [...entry.kinds(options), ...entry.objects(options)] })
    const installed = await chartsInstalled(present.map(([entry, options]) => entry.chart(options)))
    for (const [entry, options] of present) {
      const kinds = entry.kinds(options)
      if (kinds.length > 0) {
        await manifest('addons', kindsManifest(entry), kinds)
        await gate(`the kinds of ${entry.name} are those of its chart`, () => applied(kinds), {
          timeoutSeconds: 900,
          everySeconds: 2,
        })
      }
      for (const { name, objects, write } of manifestsOf(entry, options))
        await write('addons', name, objects)
    }
    for (const [entry, options] of present)
      await gate(`add-on ${entry.name} is ready`, isReady(entry, options, installed), {
        timeoutSeconds: 1200,
        everySeconds: 2,
      })
  },
})

const kindsManifest = (entry: AddOn): string => `addon-${chartName(entry.name)}-kinds`

/** An add-on's manifests: its secrets, its chart, and the custom resources for its operator. */
const manifestsOf = (entry: AddOn, options: Options) => {
  const name = `addon-${chartName(entry.name)}`
  return [
    { name: `${name}-secrets`, objects: entry.secrets(options), write: secretManifest },
    { name, objects: [entry.chart(options)], write: manifest },
    { name: `${name}-objects`, objects: entry.objects(options), write: manifest },
  ].filter(({ objects }) => objects.length > 0)
}

import { gate, role } from '../../lib/index.ts'
import { isKeeper, manifest, noManifest, secretManifest } from '../cluster/manifest.ts'
import { chartName, type AddOn } from './add-on.ts'
import { excess } from './budget.ts'
import { entries } from './catalogue.ts'
import { isReady } from './ready.ts'
import { nothingForgotten, uninstalled } from './removal.ts'
import { vars as schema, type Options } from './vars.ts'

/** An add-on's files: what holds secrets, the chart, and what its operator makes the service from. */
const files = (entry: AddOn) => {
  const name = `addon-${chartName(entry.name)}`
  return { secrets: `${name}-secrets`, chart: name, objects: `${name}-objects` }
}

export default role({
  name: 'addons',
  summary: 'What else runs in the cluster: monitoring, logging, Redis, Kafka, Argo CD, Jenkins …',
  vars: schema,
  advise: ({ vars, hosts }) =>
    excess(vars, hosts(vars.addons_nodes)).map(found => ({ variable: 'addons', ...found })),
  async tasks({ vars, host }) {
    const all = entries(vars.addons)
    if (!isKeeper(host)) {
      for (const [entry] of all) await forget(entry)
      return
    }
    await nothingForgotten({ unnamed: all.flatMap(([e, options]) => (options ? [] : [e])) })
    for (const [entry, options] of all)
      if (options?.state === 'present') await declare(entry, options)
      else await forget(entry)
    for (const [entry, options] of all)
      if (options?.state === 'absent') await uninstalled({ entry, objects: entry.objects(options) })
    for (const [entry, options] of all)
      if (options?.state === 'present')
        await gate(`add-on ${entry.name} is ready`, () => isReady(entry, options), {
          timeoutSeconds: 1200,
          everySeconds: 3,
        })
  },
})

async function declare(entry: AddOn, options: Options): Promise<void> {
  const names = files(entry)
  const secrets = entry.secrets(options)
  const objects = entry.objects(options)
  if (secrets.length > 0) await secretManifest('addons', names.secrets, secrets)
  await manifest('addons', names.chart, [entry.chart(options)])
  if (objects.length > 0) await manifest('addons', names.objects, objects)
}

/** The files alone: K3s deletes nothing when they go. */
async function forget(entry: AddOn): Promise<void> {
  for (const name of Object.values(files(entry))) await noManifest(name)
}

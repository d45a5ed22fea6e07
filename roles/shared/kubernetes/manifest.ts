import { createHash } from 'node:crypto'
import {
  absent,
  ask,
  file,
  quote,
  resource,
  Secret,
  TaskError,
  type Common,
  type Host,
  type Result,
} from '../../../lib/index.ts'
import { KUBECTL_TEXT } from '../k3s/platform.ts'
import { isMissing } from './kubectl.ts'
import { applied, CHARTS, differences, readCharts } from './charts.ts'
import type { KubernetesObject } from './chart.ts'
import { keeper } from './servers.ts'
import { documents } from './yaml.ts'

/** K3s applies what lies here (docs.k3s.io, "Auto-deploying manifests"). */
export const MANIFESTS = '/var/lib/rancher/k3s/server/manifests'

const pathOf = (name: string): string => `${MANIFESTS}/fmc-${name}.yaml`

export const manifestText = (role: string, objects: readonly KubernetesObject[]): string =>
  `# Managed by fmc, role ${role}.\n${documents(objects)}`

/** The answer of sha256sum and ls when there is no such file. */
const NO_FILE = { code: 1, stdout: '', stderr: '' }

interface Applied extends Common {
  readonly name: string
  readonly text: string
  readonly objects: readonly KubernetesObject[]
}

const reapplied = resource({
  name: (o: Applied) => `manifest ${o.name} in the cluster`,
  needs: o => ({
    now: CHARTS.query,
    // The file on disk now. If an earlier task of this plan writes the file, K3s applies it without us.
    sum: ask('command', `sha256sum ${quote(pathOf(o.name))} 2>/dev/null`, NO_FILE),
  }),
  plan({ name, text, objects }, { now, sum }, { doubt }) {
    const own = createHash('sha256').update(text).digest('hex')
    if (!sum.stdout.startsWith(own)) return []
    const state = readCharts(now)
    if (typeof state === 'string') {
      // What stops K3s now may be what this run mends.
      if (doubt || isMissing(now)) return []
      throw new TaskError(state)
    }
    const wrong = objects.flatMap(object => differences(object, state))
    if (wrong.length === 0) return []
    return [
      {
        what: `apply again: ${wrong.join('; ')}`,
        script: `${KUBECTL_TEXT} apply -f ${quote(pathOf(name))}`,
        factsAfter: [[CHARTS.query, applied(objects, state)]],
      },
    ]
  },
})

/**
 * A manifest that K3s keeps applied. Only the keeper has it: K3s does not copy manifests between servers, and a server
 * that was down would apply an old copy when it starts. K3s applies a file only when the file changes, so a chart that
 * somebody edited in the cluster is applied again here.
 */
export async function manifest(
  role: string,
  name: string,
  objects: readonly KubernetesObject[],
): Promise<void> {
  const text = manifestText(role, objects)
  const written = await file(pathOf(name), { content: text, mode: '0600' })
  if (!written.changed) await reapplied({ name, text, objects })
}

/** A manifest with secrets: never shown, and compared by its hash. */
export const secretManifest = (
  role: string,
  name: string,
  objects: readonly KubernetesObject[],
): Promise<Result> =>
  file(pathOf(name), { content: new Secret(manifestText(role, objects), name), mode: '0600' })

/** Deletes fmc's manifests whose names start with `prefix`, except those in `keep`. Their objects stay in the cluster. */
export const onlyManifests = resource({
  name: (o: Common & { readonly prefix: string; readonly keep: readonly string[] }) =>
    `no other manifest ${o.prefix}*`,
  needs: o => ({ now: ask('command', `ls -1d ${quote(pathOf(o.prefix).slice(0, -5))}*`, NO_FILE) }),
  plan({ keep }, { now }) {
    const extra = now.stdout.split('\n').filter(p => p !== '' && !keep.map(pathOf).includes(p))
    return extra.map(path => ({
      what: `remove ${path}`,
      script: `rm -f -- ${quote(path)}`,
      factsAfter: [[ask('path', path), null] as const, [ask('sha', path), null] as const],
    }))
  },
})

/** Deletes a manifest. Its objects stay in the cluster: K3s deletes nothing when a file disappears. */
export const noManifest = (name: string) => absent(pathOf(name))

/** Does this server keep fmc's manifests? */
export const isKeeper = (host: Host): boolean => keeper().name === host.name

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
} from '../../lib/index.ts'
import { applied, CHARTS, differences, readCharts } from './charts.ts'
import type { KubernetesObject } from './chart.ts'
import { keeper } from './servers.ts'
import { documents } from './yaml.ts'

/** K3s applies what lies here (docs.k3s.io, "Auto-deploying manifests"). */
export const MANIFESTS = '/var/lib/rancher/k3s/server/manifests'

const pathOf = (name: string): string => `${MANIFESTS}/fmc-${name}.yaml`

export const manifestText = (role: string, objects: readonly KubernetesObject[]): string =>
  `# Managed by fmc, role ${role}.\n${documents(objects)}`

/** What sha256sum and ls say when there is none. */
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
    // Of the file itself, not of the one that an earlier task of this plan writes: that one K3s applies.
    sum: ask('command', `sha256sum ${quote(pathOf(o.name))} 2>/dev/null`, NO_FILE),
  }),
  plan({ name, text, objects }, { now, sum }) {
    const own = createHash('sha256').update(text).digest('hex')
    if (!sum.stdout.startsWith(own)) return []
    const state = readCharts(now)
    if (typeof state === 'string') throw new TaskError(state)
    const wrong = objects.flatMap(object => differences(object, state))
    if (wrong.length === 0) return []
    return [
      {
        what: `apply again: ${wrong.join('; ')}`,
        script: `k3s kubectl apply -f ${quote(pathOf(name))}`,
        factsAfter: [[CHARTS.query, applied(objects, state)]],
      },
    ]
  },
})

/**
 * A manifest that K3s keeps applied, on the keeper alone: K3s does not copy it between servers, and a server that was
 * down would apply its old copy again when it starts. A file that is as it shall be while the cluster's charts are
 * not (somebody edited them) is applied again: K3s itself looks at a file only when it changes.
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

/** The same for objects with secrets in them: never shown, compared by their hash alone. */
export const secretManifest = (
  role: string,
  name: string,
  objects: readonly KubernetesObject[],
): Promise<Result> =>
  file(pathOf(name), { content: new Secret(manifestText(role, objects), name), mode: '0600' })

/** Takes away fmc's manifests whose names begin so, but for some. What they made stays in the cluster, too. */
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

/** Takes a manifest away; what it made stays in the cluster (K3s deletes nothing for a file that is gone). */
export const noManifest = (name: string) => absent(pathOf(name))

export const isKeeper = (host: Host): boolean => keeper().name === host.name

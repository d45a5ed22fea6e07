import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { cacheDir } from '../../lib/cache-dir.ts'
import type { Filled } from './charts.ts'

/** As in the job image of the pinned K3s (klipper-helm v0.13.3). */
const HELM = 'v4.1.4'

/** The real helm, built once from the Go proxy into the cache. */
export function helm(): string {
  const dir = join(cacheDir(), 'test', `helm-${HELM}`)
  const program = join(dir, 'helm')
  if (!existsSync(program)) {
    mkdirSync(dir, { recursive: true, mode: 0o700 })
    execFileSync('go', ['install', `helm.sh/helm/v4/cmd/helm@${HELM}`], {
      env: { ...process.env, GOBIN: dir, CGO_ENABLED: '0' },
      stdio: 'inherit',
    })
  }
  return program
}

/** An object as a chart renders it. */
export interface Rendered {
  readonly kind: string
  readonly metadata: { readonly name: string; readonly annotations?: Record<string, string> | null }
  readonly spec?: {
    readonly type?: string
    readonly replicas?: number
    readonly resources?: Resources
    readonly template?: { readonly spec: { readonly containers: readonly Container[] } }
  }
}
export interface Resources {
  readonly requests?: Readonly<Record<string, string>>
  readonly limits?: Readonly<Record<string, string>>
}
interface Container {
  readonly name: string
  readonly resources?: Resources | null
}

/** What helm makes of a chart with these values, and what it says on stderr. */
export function render(
  path: string,
  { release, namespace, values }: Filled,
): { readonly objects: readonly Rendered[]; readonly stderr: string } {
  const { status, stdout, stderr } = spawnSync(
    helm(),
    ['template', release, path, '-n', namespace, '--kube-version', 'v1.36.3', '-f', '-'],
    { input: values, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 },
  )
  if (status !== 0) throw new Error(`helm could not render ${path}: ${stderr}`)
  const objects = parseAllDocuments(stdout, { logLevel: 'error' })
    .map(d => d.toJS() as Rendered | null)
    .filter(o => o !== null)
  return { objects, stderr }
}

/** A container that a chart runs for good, with how many of it there are; hooks end by themselves. */
export const running = (objects: readonly Rendered[]) =>
  objects
    .filter(o => /^(Deployment|StatefulSet|DaemonSet)$/.test(o.kind))
    .filter(o => o.metadata.annotations?.['helm.sh/hook'] === undefined)
    .flatMap(o =>
      (o.spec?.template?.spec.containers ?? []).map(c => ({
        name: `${o.kind} ${o.metadata.name}, ${c.name}`,
        count: o.kind === 'DaemonSet' ? ('node' as const) : (o.spec?.replicas ?? 1),
        resources: c.resources ?? {},
      })),
    )

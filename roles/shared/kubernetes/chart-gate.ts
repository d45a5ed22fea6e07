import { TaskError } from '../../../lib/index.ts'
import { CHARTS_NAMESPACE, type KubernetesObject } from './chart.ts'
import { CHARTS, differences, find, holds, jobOf, readCharts, type Item } from './charts.ts'
import { errorOf, podsOf, readTries, type Tries } from './helm-pods.ts'
import { allReleases, hashOf, readReleases, type Release } from './releases.ts'

/** What is known about one chart's installation. */
export interface Progress {
  readonly job: Item | undefined
  readonly releases: readonly Release[]
  readonly tries: Tries
  /** Jobs with the settings of now that have ended in vain since the wait began. */
  readonly ended?: number
  /** helm's own error in the log of its last failed try. */
  readonly error?: string | undefined
}

/** Where a chart is: true = installed as declared; otherwise what is missing, and how often helm has failed at it. */
export interface Standing {
  readonly missing: string | undefined
  readonly failures: number
  /** helm does not try again by itself. */
  readonly over: boolean
}

const DONE: Standing = { missing: undefined, failures: 0, over: false }
const waits = (missing: string, failures = 0, over = false): Standing => ({
  missing,
  failures,
  over,
})

/**
 * Is a chart's newest release the work of its job of now? helm-controller's own test: `status=deployed`, and its
 * configHash is the job's. The job's condition proves nothing: a job whose pod helm has left with an error completes,
 * since the restarted pod finds another revision than it expects and exits with 0 (klipper-helm v0.13.3, check_revision).
 *
 * @param before - uid of the job before this run changed the chart: that job does not count
 */
export function standing(
  name: string,
  chart: Item,
  { job, releases, tries, ended = 0, error }: Progress,
  before?: string,
): Standing {
  const failed = chart.status?.conditions?.find(c => c.type === 'Failed' && c.status === 'True')
  if (!job && failed && before === undefined)
    return waits(told(name, failed.message ?? 'no job could be made'), 1, true)
  if (!job || (before !== undefined && job.metadata.uid === before))
    return waits(`helm-controller has not begun with this ${name} yet`)
  const want = hashOf(job)
  const [newest] = releases
  if (isDone(job, newest)) return DONE
  const revisions = releases.filter(r => r.status === 'failed' && r.hash === want).length
  const failures = Math.max(revisions, tries.failures, ended)
  const over = holds(job, 'Failed') || failed !== undefined
  if (failures === 0 && !over)
    return waits(`helm is installing ${name}${tries.waits === undefined ? '' : `; ${tries.waits}`}`)
  const why = error ?? tries.said ?? failed?.message ?? 'its log says no more'
  return waits(told(name, why, failures), failures, over)
}

const told = (name: string, why: string, failures = 0): string =>
  `helm could not install ${name}${failures > 1 ? ` (${failures} tries)` : ''}: ${why} (k3s kubectl -n ${CHARTS_NAMESPACE} logs job/helm-install-${name})`

/** A chart that failed so often in its present form ends the wait, if it failed again during the wait. */
const FAILURES_THAT_COUNT = 3

/** An older klipper-helm sets no label: then the job's condition must do. */
const isDone = (job: Item, newest: Release | undefined): boolean =>
  newest?.status === 'deployed' &&
  (newest.hash === '' ? holds(job, 'Complete') : newest.hash === hashOf(job))

/** What one gate has seen of a chart so far. */
interface Seen {
  /** Failures when the wait began. */
  atFirst?: number
  error?: string | undefined
  /** The jobs by their settings: helm-controller makes another one when a job has ended in vain. */
  readonly jobs: Map<string, Set<string>>
}

/** Asks the cluster what is known about a chart's installation. A text says why it is unknown. */
async function progress(
  chart: Item,
  state: readonly Item[],
  seen: Seen,
): Promise<Progress | string> {
  const { name } = chart.metadata
  const job = jobOf(state, name)
  const none: Progress = { job, releases: [], tries: { failures: 0 } }
  if (!job) return none
  const hash = hashOf(job) ?? ''
  const jobs = seen.jobs.get(hash) ?? new Set()
  seen.jobs.set(hash, jobs.add(job.metadata.uid ?? ''))
  const releases = readReleases(
    await allReleases.ask(),
    name,
    chart.spec?.targetNamespace ?? CHARTS_NAMESPACE,
  )
  if (typeof releases === 'string') return releases
  const [newest] = releases
  if (isDone(job, newest)) return { ...none, releases }
  const tries = readTries(await podsOf(name).ask(), job)
  if (typeof tries === 'string') return tries
  const ended = jobs.size - 1
  const fails = tries.failures > 0 || ended > 0 || newest?.status === 'failed'
  if (fails && tries.pod) seen.error = (await errorOf(tries.pod)) ?? seen.error
  return { job, releases, tries, ended, error: seen.error }
}

/**
 * For a gate: true, or which of these objects is not in the cluster as declared, which release is not installed, and why.
 * A release at which helm fails again and again ends the wait with a TaskError. `releases`: default those of the
 * HelmCharts among the objects.
 */
export type Installed = (
  objects: readonly KubernetesObject[],
  releases?: readonly string[],
) => Promise<true | string>

/**
 * Makes the check of a gate that waits for charts. Call it before the manifests of these objects are written:
 * helm-controller replaces a job some time after its chart changed, and until then the old job and its release agree with
 * each other.
 *
 * @example
 * const installed = await chartsInstalled([chart])
 * await manifest('longhorn', 'longhorn', [chart])
 * await gate('the chart is installed', () => installed([chart]), { timeoutSeconds: 900 })
 */
export async function chartsInstalled(all: readonly KubernetesObject[]): Promise<Installed> {
  const old = readCharts(await CHARTS.before())
  const before = new Map(
    typeof old === 'string'
      ? []
      : all
          .filter(o => differences(o, old).length > 0)
          .map(o => [o.metadata.name, jobOf(old, o.metadata.name)?.metadata.uid]),
  )
  const memory = new Map<string, Seen>()
  return async (objects, releases) => {
    const state = readCharts(await CHARTS.ask())
    if (typeof state === 'string') return state
    const differing = objects.flatMap(o => differences(o, state))
    if (differing.length > 0) return differing.join('; ')
    const names = releases ?? objects.filter(o => o.kind === 'HelmChart').map(o => o.metadata.name)
    const missing: string[] = []
    for (const name of names) {
      const chart = find(state, 'HelmChart', name)
      if (!chart) return `HelmChart ${name} is not in the cluster`
      const seen: Seen = memory.get(name) ?? { jobs: new Map() }
      memory.set(name, seen)
      const known = await progress(chart, state, seen)
      if (typeof known === 'string') return known
      const now = standing(name, chart, known, before.get(name))
      if (now.missing === undefined) continue
      seen.atFirst = Math.min(seen.atFirst ?? now.failures, now.failures)
      missing.push(now.missing)
      if (now.over || (now.failures >= FAILURES_THAT_COUNT && now.failures > seen.atFirst))
        throw new TaskError(now.missing)
    }
    return missing.length === 0 || missing.join('; ')
  }
}

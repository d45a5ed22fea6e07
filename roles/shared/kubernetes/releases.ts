import { excerpt } from '../../../lib/index.ts'
import type { Item } from './charts.ts'
import { isMissing, kubectl, noAnswer, type Answer, type Question } from './kubectl.ts'

/** Label of a release and annotation of its job: hash of everything that the job's values and settings come from. */
export const CONFIG_HASH = 'helmcharts.helm.cattle.io/configHash'

/** One revision of a release: the labels of helm's Secret, which holds the values as well and is never read. */
export interface Release {
  readonly revision: number
  /** Such as deployed, failed, pending-upgrade, superseded (helm, pkg/release). */
  readonly status: string
  /** configHash of the job that made this revision; '' when that job set none. */
  readonly hash: string
}

/**
 * The revisions of all releases: one question for all charts of a run, because each start of kubectl costs a server half a
 * second. For kubectl's table with label columns the API server sends metadata alone, so that the Secret's content does not
 * even reach the kubectl on the server (kubernetes.io, "Receiving resources as Tables").
 */
export const allReleases: Question = kubectl(
  ...['get', 'secrets', '-A', '--no-headers'],
  ...['--field-selector', 'type=helm.sh/release.v1', '-l', 'owner=helm'],
  ...['-L', `name,version,status,${CONFIG_HASH}`],
)

/** Name, type, number of keys, age: kubectl's own columns of a Secret, after its namespace. */
const OWN_COLUMNS = 4

/** The revisions of one release, newest first, or why they are unknown. */
export function readReleases(
  answer: Answer,
  name: string,
  namespace: string,
): readonly Release[] | string {
  if (answer.code !== 0 || isMissing(answer)) return noAnswer(answer)
  const releases: Release[] = []
  for (const line of answer.stdout.split('\n').filter(l => l.trim() !== '')) {
    const [where, ...columns] = line.trim().split(/\s+/)
    const [whose, revision = '', status, hash = ''] = columns.slice(OWN_COLUMNS)
    const mine = where === namespace && whose === name
    if (status === undefined || (mine && !/^\d{1,9}$/.test(revision)))
      return `kubectl printed a release that fmc cannot read: ${excerpt(line)}`
    if (mine)
      releases.push({ revision: Number(revision), status, hash: hash === '<none>' ? '' : hash })
  }
  return releases.sort((a, b) => b.revision - a.revision)
}

/**
 * What the label of a release must be that this job has made: the hash without `SHA256=`, cut to the 63 characters of a
 * label (helm-controller v0.17.7, getJobAndRelatedResources). undefined: the job has none.
 */
export const hashOf = (job: Item): string | undefined =>
  job.spec?.template?.metadata?.annotations?.[CONFIG_HASH]?.replace(/^[^=]*=/, '').slice(0, 63)

import { excerpt, z } from '../../../lib/index.ts'
import { CHARTS_NAMESPACE } from './chart.ts'
import type { Item } from './charts.ts'
import { conditions, itemsIn, kubectl, objectName, type Answer, type Question } from './kubectl.ts'

/** The pods of a job of fmc's own (kubernetes.io, "Well-Known Labels", job-name). */
export const podsOfJob = (job: string): Question =>
  kubectl('-n', CHARTS_NAMESPACE, 'get', 'pods', '-l', `job-name=${job}`, '-o', 'json')

/** The pods in which helm installs a chart (helm-controller labels them). */
export const podsOf = (chart: string): Question =>
  kubectl(
    ...['-n', CHARTS_NAMESPACE, 'get', 'pods'],
    ...['-l', `helmcharts.helm.cattle.io/chart=${chart}`, '-o', 'json'],
  )

const Ended = z.looseObject({
  exitCode: z.int().optional(),
  reason: z.string().optional(),
  message: z.string().optional(),
})
const State = z
  .looseObject({
    waiting: z
      .looseObject({ reason: z.string().optional(), message: z.string().optional() })
      .optional(),
    terminated: Ended.optional(),
  })
  .optional()
const Containers = z
  .array(
    z.looseObject({
      restartCount: z.int().min(0).default(0),
      state: State,
      lastState: State,
    }),
  )
  .default([])
const Pod = z.looseObject({
  metadata: z.looseObject({
    name: objectName,
    labels: z.record(z.string(), z.string()).default({}),
    creationTimestamp: z.string().default(''),
  }),
  status: z
    .looseObject({
      conditions,
      initContainerStatuses: Containers,
      containerStatuses: Containers,
    })
    .optional(),
})
type Pod = z.output<typeof Pod>

/** What helm's pods say. */
export interface Tries {
  /** How often helm ended with an error in this job's pods. */
  readonly failures: number
  /** The newest pod, and whether its container was started again. */
  readonly pod?: { readonly name: string; readonly again: boolean } | undefined
  /** Why the last failure happened, as the pod itself says: its termination message. */
  readonly said?: string | undefined
  /** Why the newest pod does not run yet. */
  readonly waits?: string | undefined
}

const UID_LABEL = 'batch.kubernetes.io/controller-uid'

const failedEnd = (state: z.output<typeof State>): z.output<typeof Ended> | undefined =>
  state?.terminated && state.terminated.exitCode !== 0 ? state.terminated : undefined

/** Those that run first, and then the others. */
const containersOf = ({ status }: Pod) => [
  ...(status?.initContainerStatuses ?? []),
  ...(status?.containerStatuses ?? []),
]

/** What the pods of this job say; those of other jobs are left out. A text says why they are unknown. */
export function readTries(answer: Answer, job: Item): Tries | string {
  const all = itemsIn('helm’s pods', answer, Pod)
  if (typeof all === 'string') return all
  const pods = all
    .filter(
      p => job.metadata.uid === undefined || p.metadata.labels[UID_LABEL] === job.metadata.uid,
    )
    .sort((a, b) => (a.metadata.creationTimestamp < b.metadata.creationTimestamp ? -1 : 1))
  const ends = pods.flatMap(containersOf).flatMap(container => {
    const now = failedEnd(container.state)
    const end = now ?? failedEnd(container.lastState)
    return end ? [{ end, failures: container.restartCount + (now ? 1 : 0) }] : []
  })
  const last = ends.at(-1)
  const newest = pods.at(-1)
  return {
    failures: ends.reduce((sum, e) => sum + e.failures, 0),
    pod: newest && {
      name: newest.metadata.name,
      again: (newest.status?.containerStatuses[0]?.restartCount ?? 0) > 0,
    },
    said: last && words(last.end),
    waits: newest && waiting(newest),
  }
}

/**
 * Exit code and termination message. klipper-helm writes there what it was doing, and helm its own words into the log. With
 * `FallbackToLogsOnError` it is the end of the log, and there an error of the program itself is enough.
 */
const words = ({ exitCode, reason, message }: z.output<typeof Ended>): string => {
  const doing = message?.trim().split('\n').at(-1)
  if (doing !== undefined && /^error\b[^:]*: /i.test(doing)) return excerpt(doing, MOST_WORDS)
  const how = reason !== undefined && reason !== 'Error' ? reason : `exit code ${exitCode ?? '?'}`
  return doing === undefined || doing === '' ? how : `${how} after “${excerpt(doing)}”`
}

/** Containers in these states wait for nothing: they start, or are between two tries, which are counted. */
const HARMLESS = ['ContainerCreating', 'PodInitializing', 'CrashLoopBackOff']

function waiting(pod: Pod): string | undefined {
  for (const { state } of containersOf(pod)) {
    const why = state?.waiting
    if (why && !HARMLESS.includes(why.reason ?? ''))
      return [why.reason, why.message && excerpt(why.message)].filter(Boolean).join(': ')
  }
  const placed = pod.status?.conditions.find(c => c.type === 'PodScheduled' && c.status === 'False')
  return placed && `no node takes its pod: ${excerpt(placed.message ?? 'no reason given')}`
}

/** Seconds that are given to a running helm to end. */
const FOLLOWED = 15

const logOf = (pod: string, ...more: readonly string[]): Question =>
  kubectl('-n', CHARTS_NAMESPACE, 'logs', pod, '--tail=40', ...more)

/** helm names the object and the field, after some words of its own. */
const MOST_WORDS = 400

/** helm's own error in a log: its last line that starts with `Error:`; undefined: it has none. */
export function errorIn({ stdout }: Answer): string | undefined {
  const line = stdout
    .split('\n')
    .filter(l => l.startsWith('Error: '))
    .at(-1)
  return line === undefined ? undefined : excerpt(line.slice('Error: '.length), MOST_WORDS)
}

/**
 * helm's own error in this pod. It waits for the end of a helm that runs: helm-controller replaces a job that has ended,
 * with its pod and log, at once.
 */
export async function errorOf({
  name,
  again,
}: NonNullable<Tries['pod']>): Promise<string | undefined> {
  const followed = await logOf(name, '--follow', `--request-timeout=${FOLLOWED}s`).ask()
  return errorIn(followed) ?? (again ? errorIn(await logOf(name, '--previous').ask()) : undefined)
}

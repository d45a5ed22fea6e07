import { hostItems, TaskError, z, type Facts } from '../../lib/index.ts'
import { objectName } from '../shared/kubernetes/kubectl.ts'
import { lastLine } from '../shared/k3s/certificates.ts'

export interface Pods {
  readonly pods: number
  /** Pods that do not run as they should, as `namespace/name: why`. */
  readonly sickPods: readonly string[]
}

const reason = z.string().max(200)
const time = z.string().max(64)
const Container = z.looseObject({
  name: reason.nullish(),
  ready: z.boolean().nullish(),
  restartCount: z.int().nullish(),
  state: z
    .looseObject({
      waiting: z.looseObject({ reason: reason.nullish(), message: z.string().nullish() }).nullish(),
    })
    .nullish(),
  lastState: z
    .looseObject({
      terminated: z
        .looseObject({
          reason: reason.nullish(),
          message: z.string().nullish(),
          exitCode: z.int().nullish(),
        })
        .nullish(),
    })
    .nullish(),
})
const Condition = z.looseObject({
  type: z.string(),
  status: z.string(),
  message: z.string().nullish(),
  lastTransitionTime: time.nullish(),
})
const Pod = z.looseObject({
  metadata: z.looseObject({
    namespace: objectName,
    name: objectName,
    creationTimestamp: time.nullish(),
    deletionTimestamp: time.nullish(),
  }),
  spec: z.looseObject({ nodeName: objectName.nullish() }).nullish(),
  status: z
    .looseObject({
      phase: reason.nullish(),
      reason: reason.nullish(),
      conditions: z.array(Condition).nullish(),
      initContainerStatuses: z.array(Container).nullish(),
      containerStatuses: z.array(Container).nullish(),
    })
    .nullish(),
})
type Pod = z.output<typeof Pod>

const Event = z.looseObject({
  involvedObject: z.looseObject({ namespace: z.string().nullish(), name: z.string() }),
  reason: reason.nullish(),
  message: z.string().nullish(),
  lastTimestamp: time.nullish(),
  eventTime: time.nullish(),
  series: z.looseObject({ lastObservedTime: time.nullish() }).nullish(),
})

/** What `parsePods` judges. */
export interface Asked {
  /** kubectl's answer to `get pods -A -o json`. */
  readonly pods: Facts['command']
  /** Its answer to `get events -A -o json`; undefined: it was not asked. */
  readonly events?: Facts['command'] | undefined
  /** The server's clock, in seconds since 1970; NaN: it did not say. */
  readonly now: number
  /** How many seconds a pod may take to start, to become Ready and to end. */
  readonly patience: number
}

/**
 * The pods that do not run as they should: each with its state, since when, and the last event that says why
 * (kubernetes.io, "Pod Lifecycle"). A pod that starts, or ends, may take `patience`. Throws TaskError.
 */
export function parsePods({ pods, events, now, patience }: Asked): Pods {
  if (pods.code !== 0)
    throw new TaskError(lastLine(pods.stderr) || 'kubectl does not list the pods')
  const all = hostItems('kubectl', 'the pods', pods.stdout, Pod)
  const why = lastEvents(events)
  const sickPods = all.flatMap(pod => {
    const found = illness(pod)
    if (found === undefined) return []
    // NaN: unknown.
    const age = now - (found.since ?? NaN)
    if (found.passes && age < patience) return []
    const { namespace, name } = pod.metadata
    const event = why.get(`${namespace}/${name}`) ?? found.says
    return [
      [
        `${namespace}/${name}: ${found.state}`,
        ...(pod.spec?.nodeName ? [` on ${pod.spec.nodeName}`] : []),
        ...(age >= 0 ? [` for ${duration(age)}`] : []),
        ...(event === undefined || event === '' ? [] : [`: ${event}`]),
      ].join(''),
    ]
  })
  return { sickPods, pods: all.length }
}

interface Illness {
  readonly state: string
  /** Seconds since 1970; undefined: unknown. */
  readonly since: number | undefined
  /** Is it so for a while in every pod? */
  readonly passes: boolean
  /** What the pod itself says of it, if there is no event. */
  readonly says?: string | undefined
}

function illness({ metadata, spec, status }: Pod): Illness | undefined {
  const condition = (type: string) => status?.conditions?.find(c => c.type === type)
  const began = (type: string): number | undefined =>
    seconds(condition(type)?.lastTransitionTime) ?? seconds(metadata.creationTimestamp)
  const phase = status?.phase ?? 'Unknown'
  if (phase === 'Succeeded') return undefined
  const deleted = seconds(metadata.deletionTimestamp)
  if (deleted !== undefined)
    return { state: 'Terminating', since: deleted, passes: true, says: status?.reason ?? undefined }
  if (phase === 'Failed')
    return { state: status?.reason ?? 'Failed', since: began('Ready'), passes: false }
  const inits = (status?.initContainerStatuses ?? []).filter(c => c.ready !== true)
  const containers = [...inits, ...(status?.containerStatuses ?? [])]
  const waiting = containers.find(c => c.state?.waiting?.reason)
  if (waiting?.state?.waiting?.reason) {
    const { reason, message } = waiting.state.waiting
    const restarts = waiting.restartCount ?? 0
    return {
      state: `${inits.includes(waiting) ? 'Init:' : ''}${reason}${restarts > 0 ? `, ${restarts} restarts,` : ''}`,
      since: began('Ready'),
      passes: reason === 'ContainerCreating' || reason === 'PodInitializing',
      says: lastWords(waiting) ?? (message ? oneLine(message) : undefined),
    }
  }
  if (phase === 'Running') {
    if (condition('Ready')?.status !== 'False') return undefined
    const not = containers.filter(c => c.ready === false).flatMap(c => c.name ?? [])
    return {
      state: `Running, but ${not.length > 0 ? `${not.join(', ')} is ` : ''}not Ready`,
      since: began('Ready'),
      passes: true,
      says: containers.map(lastWords).find(w => w !== undefined),
    }
  }
  const scheduled = condition('PodScheduled')
  return {
    state: phase,
    since: began('PodScheduled'),
    // Without a node it waits for somebody to act; with one, for its kubelet.
    passes: Boolean(spec?.nodeName),
    says: scheduled?.message ? oneLine(scheduled.message) : undefined,
  }
}

/** What a container said when it last ended. */
function lastWords({ lastState }: z.output<typeof Container>): string | undefined {
  const ended = lastState?.terminated
  if (!ended) return undefined
  const said = lastLine(ended.message ?? '')
  return said === '' ? `${ended.reason ?? 'Error'}, exit code ${ended.exitCode ?? '?'}` : said
}

/** By namespace/name: its last event. None if kubectl did not answer: the pods are known without the reasons. */
function lastEvents(answer: Facts['command'] | undefined): ReadonlyMap<string, string> {
  const found = new Map<string, { at: number; text: string }>()
  if (answer?.code !== 0) return new Map()
  for (const e of hostItems('kubectl', 'the events', answer.stdout, Event)) {
    const { involvedObject, reason, message } = e
    const at = seconds(e.series?.lastObservedTime ?? e.lastTimestamp ?? e.eventTime) ?? 0
    const key = `${involvedObject.namespace ?? ''}/${involvedObject.name}`
    if (at >= (found.get(key)?.at ?? 0))
      found.set(key, { at, text: `${reason ?? 'event'}: ${oneLine(message ?? '')}` })
  }
  return new Map([...found].map(([key, { text }]) => [key, text]))
}

const LONGEST = 300

const oneLine = (text: string): string => text.replace(/\s+/g, ' ').trim().slice(0, LONGEST)

function seconds(text: string | null | undefined): number | undefined {
  const ms = Date.parse(text ?? '')
  return Number.isNaN(ms) ? undefined : ms / 1000
}

/** A time span for people: 90 s, 5 min, 3 h, 4 days. */
export function duration(span: number): string {
  if (span < 120) return `${Math.floor(span)} s`
  if (span < 7200) return `${Math.floor(span / 60)} min`
  return span < 172_800 ? `${Math.floor(span / 3600)} h` : `${Math.floor(span / 86_400)} days`
}

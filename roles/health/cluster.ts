import { hostItems, probe, TaskError, z, type Facts } from '../../lib/index.ts'
import { objectName } from '../cluster/kubectl.ts'
import { stateHere } from '../k3s-common/survey.ts'
import type { ServerState } from '../k3s-common/state.ts'
import { askLonghorn, sickVolumes } from '../longhorn/index.ts'

/** What a K3s server says: about itself, and about the cluster if it can be asked. */
export interface ServerHealth {
  readonly state: ServerState
  /** Days that its certificate has left which ends first. */
  readonly certificateDays: number | undefined
  /** Hours since its newest snapshot. */
  readonly snapshotHours: number | undefined
  /** Pods that do not do what they should: namespace/name: why. */
  readonly sickPods: readonly string[]
  readonly pods: number
  readonly sickVolumes: readonly string[]
  readonly volumes: number | undefined
  /** What could not be asked, and why. */
  readonly unasked: readonly string[]
}

/** Lines `certificate SECONDS`, for every one of K3s's that is no authority, and `now SECONDS`. */
export const CERTIFICATES = `cd /var/lib/rancher/k3s 2>/dev/null || { date +'now %s'; exit 0; }
for c in server/tls/*.crt server/tls/etcd/*.crt agent/*.crt; do
  case $c in *-ca.crt|*ca.nochain.crt) ;; *) [ ! -e "$c" ] || { e=$(openssl x509 -noout -enddate -in "$c") && date -d "\${e#*=}" +'certificate %s'; } || exit 1 ;; esac
done
date +'now %s'`

const DATES = `${CERTIFICATES}
for s in server/db/snapshots/*; do [ ! -e "$s" ] || stat -c 'snapshot %Y' -- "$s"; done`

type Dates = Pick<ServerHealth, 'certificateDays' | 'snapshotHours'>

export async function serverHealth(): Promise<ServerHealth> {
  const [state, dates] = await Promise.all([
    stateHere(),
    probe({ estimate: false })`sh -c ${DATES}`,
  ])
  const unasked: string[] = []
  const ask = <T>(what: string, answer: () => T, none: T): T => {
    try {
      return answer()
    } catch (error) {
      unasked.push(`${what}: ${error instanceof Error ? error.message : String(error)}`)
      return none
    }
  }
  const seen = {
    state,
    ...ask<Dates>('certificates and snapshots', () => parseDates(answerOf(dates)), {
      certificateDays: undefined,
      snapshotHours: undefined,
    }),
    sickPods: [],
    pods: 0,
    sickVolumes: [],
    volumes: undefined,
    unasked,
  }
  if (!state.healthy) return seen
  const [pods, longhorn] = await Promise.all([
    probe({ estimate: false })`timeout 10 k3s kubectl get pods -A -o json`,
    askLonghorn(),
  ])
  return {
    ...seen,
    ...ask<Partial<ServerHealth>>('pods', () => parsePods(answerOf(pods)), {}),
    ...ask<Partial<ServerHealth>>('volumes', () => volumesOf(longhorn), {}),
  }
}

interface Output {
  readonly exitCode: number | null
  readonly stdout: string
  readonly stderr: string
}
const answerOf = ({ exitCode, stdout, stderr }: Output): Facts['command'] => ({
  code: exitCode ?? 1,
  stdout,
  stderr,
})

/** Lines `certificate SECONDS`, `snapshot SECONDS`, `now SECONDS`. Throws TaskError for what is no such answer. */
export function parseDates({ code, stdout, stderr }: Facts['command']): Dates {
  const all = (key: string): number[] =>
    [...stdout.matchAll(new RegExp(`^${key} (\\d{1,12})$`, 'gm'))].map(m => Number(m[1]))
  const [now] = all('now')
  const [ends, made] = [all('certificate'), all('snapshot')]
  const [first, latest] = [ends.reduce(smaller, Infinity), made.reduce(larger, -Infinity)]
  if (code !== 0 || now === undefined)
    throw new TaskError(`the dates of certificates cannot be asked: ${last(stderr) || 'no answer'}`)
  return {
    certificateDays: ends.length > 0 ? Math.floor((first - now) / 86_400) : undefined,
    snapshotHours: made.length > 0 ? Math.max(0, (now - latest) / 3600) : undefined,
  }
}

const smaller = (a: number, b: number): number => Math.min(a, b)
const larger = (a: number, b: number): number => Math.max(a, b)

const last = (stderr: string): string => (stderr.trim().split('\n').at(-1) ?? '').slice(0, 200)

const reason = z.string().max(200)
const Pod = z.looseObject({
  metadata: z.looseObject({ namespace: objectName, name: objectName }),
  spec: z.looseObject({ nodeName: objectName.nullish() }).nullish(),
  status: z
    .looseObject({
      phase: reason.nullish(),
      containerStatuses: z
        .array(
          z.looseObject({
            state: z
              .looseObject({ waiting: z.looseObject({ reason: reason.nullish() }).nullish() })
              .nullish(),
          }),
        )
        .nullish(),
    })
    .nullish(),
})

/** Pods that wait, fail or are not ready, with the reason that kubectl shows. Throws TaskError. */
export function parsePods(answer: Facts['command']): Pick<ServerHealth, 'sickPods' | 'pods'> {
  if (answer.code !== 0)
    throw new TaskError(
      last(answer.stderr) || 'kubectl does not answer to the question for the pods',
    )
  const pods = hostItems('kubectl', 'the pods', answer.stdout, Pod)
  const sick = pods.flatMap(({ metadata, spec, status }) => {
    const waiting = status?.containerStatuses?.find(c => c.state?.waiting?.reason)?.state?.waiting
      ?.reason
    const phase = status?.phase ?? 'Unknown'
    const fine = phase === 'Succeeded' || (phase === 'Running' && waiting === undefined)
    if (fine || waiting === 'ContainerCreating') return []
    return [
      `${metadata.namespace}/${metadata.name}: ${waiting ?? phase}${spec?.nodeName ? ` on ${spec.nodeName}` : ''}`,
    ]
  })
  return { sickPods: sick, pods: pods.length }
}

function volumesOf(state: Awaited<ReturnType<typeof askLonghorn>>): Partial<ServerHealth> {
  if (state === 'none') return {}
  if ('problem' in state) throw new TaskError(state.problem)
  return { sickVolumes: sickVolumes(state), volumes: state.volumes.length }
}

import { hostItems, probe, TaskError, z, type Facts } from '../../lib/index.ts'
import { objectName } from '../shared/kubernetes/kubectl.ts'
import { CERTIFICATES, lastLine, parseDates, type Dates } from '../shared/k3s/certificates.ts'
import { KUBECTL } from '../shared/k3s/platform.ts'
import { stateHere } from '../shared/k3s/survey.ts'
import type { ServerState } from '../shared/k3s/server-state.ts'
import { askLonghorn, sickVolumes } from '../longhorn/index.ts'

/** What a K3s server reports: about itself, and about the cluster if the API answers. */
export interface ServerHealth extends Dates {
  readonly state: ServerState
  /** Pods that do not run as they should, as `namespace/name: why`. */
  readonly sickPods: readonly string[]
  readonly pods: number
  readonly sickVolumes: readonly string[]
  readonly volumes: number | undefined
  /** What is unknown, and why. */
  readonly unasked: readonly string[]
}

const DATES = `${CERTIFICATES}
for s in server/db/snapshots/*; do [ ! -e "$s" ] || stat -c 'snapshot %Y' -- "$s"; done`

/** The health of the server on which this runs, and what it knows of the cluster. */
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
    probe({ estimate: false })`timeout 10 ${KUBECTL} get pods -A -o json`,
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
    throw new TaskError(lastLine(answer.stderr) || 'kubectl does not list the pods')
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

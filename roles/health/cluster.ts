import { probe, TaskError, type Facts } from '../../lib/index.ts'
import { MOST_BYTES } from '../shared/kubernetes/kubectl.ts'
import { CERTIFICATES, parseDates, type Dates } from '../shared/k3s/certificates.ts'
import { KUBECTL } from '../shared/k3s/platform.ts'
import { stateHere } from '../shared/k3s/survey.ts'
import type { ServerState } from '../shared/k3s/server-state.ts'
import { parsePods, type Asked, type Pods } from './pods.ts'
import { askLonghorn, sickVolumes } from '../longhorn/index.ts'

/** What a K3s server reports: about itself, and about the cluster if the API answers. */
export interface ServerHealth extends Dates, Pods {
  readonly state: ServerState
  /** How many snapshots of etcd lie on its disk: fmc's, and those that K3s takes by its schedule. */
  readonly snapshots: Snapshots
  readonly sickVolumes: readonly string[]
  readonly volumes: number | undefined
  /** What is unknown, and why. */
  readonly unasked: readonly string[]
}

interface Snapshots {
  readonly fmc: number
  readonly scheduled: number
}

const DATES = `${CERTIFICATES}
for s in server/db/snapshots/*; do [ ! -e "$s" ] || stat -c 'snapshot %Y' -- "$s"; done
for n in fmc etcd-snapshot; do set -- server/db/snapshots/$n-*; [ -e "$1" ] || shift; echo "kept $n $#"; done`

/** Counts the lines of DATES that say how many snapshots there are. */
export function parseSnapshots(text: string): Snapshots {
  const of = (name: string): number =>
    Number(new RegExp(`^kept ${name} (\\d{1,6})$`, 'm').exec(text)?.[1] ?? 0)
  return { fmc: of('fmc'), scheduled: of('etcd-snapshot') }
}

/** The health of the server on which this runs, and what it knows of the cluster. `patience`: of pods, in seconds. */
export async function serverHealth(patience: number): Promise<ServerHealth> {
  const [state, dates] = await Promise.all([
    stateHere(),
    probe({ estimate: false })`sh -c ${DATES}`,
  ])
  const unasked: string[] = []
  const ask = async <T>(what: string, answer: () => T | Promise<T>, none: T): Promise<T> => {
    try {
      return await answer()
    } catch (error) {
      // Of a server that is lost, nothing is known.
      if (!(error instanceof TaskError)) throw error
      unasked.push(`${what}: ${error.message}`)
      return none
    }
  }
  const seen = {
    state,
    ...(await ask<Dates>('certificates and snapshots', () => parseDates(answerOf(dates)), {
      certificateDays: undefined,
      snapshotHours: undefined,
    })),
    snapshots: parseSnapshots(dates.stdout),
    sickPods: [],
    pods: 0,
    sickVolumes: [],
    volumes: undefined,
    unasked,
  }
  if (!state.healthy) return seen
  const asked = { now: nowIn(dates.stdout), patience }
  const [listed, volumes] = await Promise.all([
    ask('pods', async () => podsOf(await list('pods', '-A'), asked), undefined),
    ask('volumes', async () => volumesOf(await askLonghorn()), {}),
  ])
  const why: Partial<Pods> =
    listed === undefined || listed.found.sickPods.length === 0
      ? {}
      : await ask<Partial<Pods>>(
          'events',
          async () => {
            const events = await list('events', '-A', '--field-selector', 'type=Warning')
            return parsePods({ ...asked, pods: listed.pods, events })
          },
          {},
        )
  return { ...seen, ...listed?.found, ...why, ...volumes }
}

type Answer = Facts['command']

/** All objects of a kind. Throws TaskError when they are more than fmc reads. */
const list = async (...words: readonly string[]): Promise<Answer> =>
  answerOf(
    await probe({
      estimate: false,
      maxBytes: MOST_BYTES,
    })`timeout 10 ${KUBECTL} get ${words} -o json`,
  )

const podsOf = (pods: Answer, asked: Omit<Asked, 'pods'>): { pods: Answer; found: Pods } => ({
  pods,
  found: parsePods({ ...asked, pods }),
})

/** The server's clock; NaN if it did not say: then no pod counts as young. */
const nowIn = (text: string): number => Number(/^now (\d{1,12})$/m.exec(text)?.[1] ?? NaN)

interface Output {
  readonly exitCode: number | null
  readonly stdout: string
  readonly stderr: string
}
const answerOf = ({ exitCode, stdout, stderr }: Output): Answer => ({
  code: exitCode ?? 1,
  stdout,
  stderr,
})

function volumesOf(state: Awaited<ReturnType<typeof askLonghorn>>): Partial<ServerHealth> {
  if (state === 'none') return {}
  if ('problem' in state) throw new TaskError(state.problem)
  return { sickVolumes: sickVolumes(state), volumes: state.volumes.length }
}

import type { Change, TaskEvent } from '../engine/events.ts'
import { hostsOf, outcomesOf, ownerOf, type TaskLine } from './outcomes.ts'
import type { RunContent } from './read.ts'

/** What a task came to in one of two runs. */
export type Side = Pick<TaskEvent, 'status' | 'changes' | 'note' | 'failure'>

/** A task that came to something else in the other run. A side that is missing: that run did not come to the task. */
export interface TaskDifference extends Pick<
  TaskEvent,
  'host' | 'delegatedBy' | 'play' | 'role' | 'task'
> {
  readonly a?: Side
  readonly b?: Side
}

/** What differs between two runs. */
export interface Comparison {
  readonly onlyInA: readonly string[]
  readonly onlyInB: readonly string[]
  /** Of the hosts of both runs. */
  readonly tasks: readonly TaskDifference[]
  /** Hosts of both runs that failed as a whole or could not be reached in one of them only: why. */
  readonly lost: readonly { readonly host: string; readonly a?: string; readonly b?: string }[]
  /** Undefined: the run has no end. */
  readonly exitCodes: readonly [number | undefined, number | undefined]
  /** Tasks that came to the same. */
  readonly same: number
  /** Tasks of hosts of both runs that only one of them has, and that are no news there: how many. */
  readonly apart: readonly [a: number, b: number]
}

/**
 * Compares what two runs, or two dry runs, came to: by task of each host its status, its changes, its note, and why it
 * failed; the diffs of its changes, too, if both runs have them (`--diff`). Times do not count. A task that only one run has counts if it changed something or failed there.
 */
export function compare(a: RunContent, b: RunContent): Comparison {
  const [hostsA, hostsB] = [hostsOf(a.events), hostsOf(b.events)]
  const both = new Set(hostsA.filter(host => hostsB.includes(host)))
  const [tasksA, tasksB] = [outcomesOf(a.events), outcomesOf(b.events)]
  const [lostA, lostB] = [lostIn(a), lostIn(b)]
  const tasks: TaskDifference[] = []
  let same = 0
  const apart: [number, number] = [0, 0]
  for (const key of new Set([...tasksA.keys(), ...tasksB.keys()])) {
    const [one, other] = [tasksA.get(key), tasksB.get(key)]
    const task = one ?? other
    if (!task || !both.has(ownerOf(task))) continue
    if (one && other ? isEqual(one, other) : !isNews(task)) {
      if (one && other) same++
      else apart[one ? 0 : 1]++
      continue
    }
    const { host, delegatedBy, play, role } = task
    tasks.push({
      host,
      ...(delegatedBy === undefined ? {} : { delegatedBy }),
      ...{ play, role, task: task.task },
      ...(one ? { a: sideOf(one) } : {}),
      ...(other ? { b: sideOf(other) } : {}),
    })
  }
  return {
    onlyInA: hostsA.filter(host => !both.has(host)),
    onlyInB: hostsB.filter(host => !both.has(host)),
    tasks,
    lost: [...both].flatMap(host => {
      const [why, other] = [lostA.get(host), lostB.get(host)]
      if (why === other) return []
      return [
        {
          host,
          ...(why === undefined ? {} : { a: why }),
          ...(other === undefined ? {} : { b: other }),
        },
      ]
    }),
    exitCodes: [a.end?.exitCode, b.end?.exitCode],
    same,
    apart,
  }
}

/** Is there something to compare, and nothing that differs? */
export const isSame = (found: Comparison): boolean => {
  const { onlyInA, onlyInB, tasks, lost, exitCodes } = found
  const differences = onlyInA.length + onlyInB.length + tasks.length + lost.length
  return differences === 0 && exitCodes[0] === exitCodes[1] && !isStrange(found)
}

/** Have the two runs no task in common, as those of different playbooks? */
export const isStrange = ({ same, tasks, apart }: Comparison): boolean =>
  same === 0 && tasks.every(({ a, b }) => !a || !b) && apart[0] + apart[1] > 0

/** The engine reports a task's failure again as its host's: that is no news. */
const lostIn = ({ events }: RunContent): ReadonlyMap<string, string> => {
  const byTask = new Set(
    events.flatMap(event =>
      event.type === 'task' && event.failure
        ? [`${event.host}\0${event.failure.message}`, `${ownerOf(event)}\0${event.failure.message}`]
        : [],
    ),
  )
  return new Map(
    events.flatMap(event =>
      event.type === 'host' &&
      (event.state === 'failed' || event.state === 'unreachable') &&
      !byTask.has(`${event.host}\0${event.failure.message}`)
        ? [[event.host, `${event.state}: ${event.failure.message}`] as const]
        : [],
    ),
  )
}

const isNews = ({ status, drift }: TaskLine): boolean =>
  drift === true || (status !== 'ok' && status !== 'skipped')

const sideOf = ({ status, changes, note, failure }: TaskLine): Side => ({
  ...{ status, changes },
  ...(note === undefined ? {} : { note }),
  ...(failure === undefined ? {} : { failure }),
})

const isEqual = (a: TaskLine, b: TaskLine): boolean => {
  const withDiffs = hasDiffs(a) && hasDiffs(b)
  return sideText(a, withDiffs) === sideText(b, withDiffs)
}

const hasDiffs = ({ changes }: TaskLine): boolean => changes.some(({ diff }) => diff !== undefined)

const sideText = ({ status, changes, note, failure }: TaskLine, withDiffs: boolean): string =>
  JSON.stringify([
    ...[status, note ?? '', failure?.message ?? ''],
    changes.map(({ what, diff = '' }: Change) => (withDiffs ? [what, diff] : what)),
  ])

import type { PlannedEvent } from '../engine/events.ts'

/** A planned task of a run: `row` is the play's host that it counts for. */
export interface Left {
  readonly row: string
  readonly host: string
  readonly role: string
  readonly task: string
}

/** A play with the planned tasks that are left. */
export interface LeftPlay extends Pick<PlannedEvent, 'play' | 'stage' | 'batches' | 'forks'> {
  readonly tasks: readonly Left[]
}

/** How many milliseconds a task took in earlier runs; undefined: none has run it. */
export type KnownMs = (host: string, role: string, task: string) => number | undefined

export interface Estimate {
  /** Milliseconds until the last planned task is done; undefined: no earlier run has done any of them. */
  readonly ms: number | undefined
  /** The host that its play will wait for, by play: the one with the most time left, or with the most tasks where no time is known. */
  readonly slowest: ReadonlyMap<string, string>
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0)
const most = (values: readonly number[]): number => values.reduce((a, b) => Math.max(a, b), 0)

const median = (values: readonly number[]): number | undefined =>
  values.length === 0
    ? undefined
    : [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) / 2)]

/** The host with the largest value, if it is larger than every other one's. */
const largest = (values: ReadonlyMap<string, number>): string | undefined => {
  const [first, second] = [...values].sort(([, a], [, b]) => b - a)
  return first && second && first[1] > second[1] ? first[0] : undefined
}

/**
 * What is left of a run. Stages and batches come one after another, the plays of a stage and the hosts of a batch run at
 * the same time, at most `forks` of them. A task without a recorded time counts as the median of the others. `spent`:
 * milliseconds since a host began its present task, in a play.
 */
export const estimate = (
  plays: readonly LeftPlay[],
  known: KnownMs,
  spent: (play: string, row: string, task: Left) => number,
): Estimate => {
  const times = plays.flatMap(({ tasks }) =>
    tasks.map(t => known(t.host, t.role, t.task)).filter(ms => ms !== undefined),
  )
  const usual = median(times)
  const slowest = new Map<string, string>()
  const stages = new Map<number, number>()
  for (const { play, stage, batches, forks, tasks } of plays) {
    const left = new Map<string, number>()
    for (const task of tasks) {
      const ms =
        usual === undefined
          ? 1
          : Math.max(
              0,
              (known(task.host, task.role, task.task) ?? usual) - spent(play, task.row, task),
            )
      left.set(task.row, (left.get(task.row) ?? 0) + ms)
    }
    const ofBatch = (hosts: readonly string[]): number[] => hosts.map(h => left.get(h) ?? 0)
    const now = batches.find(hosts => hosts.some(h => left.has(h))) ?? []
    const host = largest(new Map(now.map(h => [h, left.get(h) ?? 0])))
    if (host !== undefined) slowest.set(play, host)
    const took = sum(
      batches.map(hosts => Math.max(most(ofBatch(hosts)), sum(ofBatch(hosts)) / forks)),
    )
    stages.set(stage, Math.max(stages.get(stage) ?? 0, took))
  }
  return { ms: usual === undefined ? undefined : sum([...stages.values()]), slowest }
}

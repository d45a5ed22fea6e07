import { UsageError } from '../../errors.ts'
import { nearest } from '../../text/nearest.ts'
import type { SelectedPlay } from '../define/select.ts'
import type { Plan } from '../plan.ts'
import type { StartAt } from '../settings.ts'

/** Which tasks of a role run come before the task that the run starts at. */
export class Start {
  readonly #task: string | undefined
  #reached: boolean

  /** `task`: undefined in the roles and plays that run as a whole. */
  constructor(task: string | undefined) {
    this.#task = task
    this.#reached = task === undefined
  }

  /** Is the task left out? */
  skips(task: string): boolean {
    this.#reached ||= task === this.#task
    return !this.#reached
  }

  /** Have all tasks so far been left out? */
  get pending(): boolean {
    return !this.#reached
  }
}

/** The task at which a role starts in a play; undefined: it runs as a whole. */
export const startIn = (
  at: StartAt | undefined,
  stages: readonly (readonly SelectedPlay[])[],
  play: string,
  role: string,
): string | undefined => {
  if (at?.role !== role) return undefined
  const first = stages.flat().find(p => p.roles.some(r => r.name === role))
  return first?.play.name === play ? at.task : undefined
}

const tasksOf = (plan: Plan, { role }: StartAt): Set<string> =>
  new Set([...plan.values()].flatMap(one => (one.roles.get(role) ?? []).map(r => r.name)))

/** Has any host's plan the task? */
export const hasTask = (plan: Plan, at: StartAt): boolean => tasksOf(plan, at).has(at.task)

/** The error for a task that no host's plan has. */
export function noSuchTask(plan: Plan, at: StartAt): UsageError {
  const { role, task } = at
  const seen = tasksOf(plan, at)
  const near = nearest(task, seen)
  return new UsageError(`--start-at: the role ${role} has no task ${task} on these hosts`, {
    hint:
      near === undefined
        ? `its tasks: ${[...seen].join(', ') || 'none; could its hosts be reached?'}`
        : `did you mean --start-at '${role}/${near}'?`,
  })
}

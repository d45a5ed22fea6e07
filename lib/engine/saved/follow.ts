import { TaskError } from '../../errors.ts'
import type { PlannedChange } from '../../resources/scope.ts'
import type { NoteEvent } from '../events.ts'
import type { Plan } from '../plan.ts'
import type { TaskRecord } from '../role/record.ts'
import { whyNot } from './compare.ts'
import { areWide, type Progress } from './progress.ts'
import { taskKey, type Digest, type SavedTask } from './digests.ts'

/** What a run follows. */
export interface SavedPlan {
  readonly tasks: readonly SavedTask[]
  readonly digest: Digest
  /** A text as the plan has it: without secrets. */
  readonly shown: (text: string) => string
  /** What earlier applies of this plan have done on the hosts, and what this one does. */
  readonly progress: Progress
  /** The command that makes a new plan. */
  readonly again: string
}

/** Which task asks. */
type Asking = Pick<TaskRecord, 'host' | 'delegatedBy' | 'role' | 'name'>

/**
 * Keeps an apply to its saved plan. `compare` gets the fresh plan; after that `permit` throws for every task that is not the
 * planned one, and for whatever comes after it on the same host, even if the role's code has caught the error.
 */
export class Following {
  readonly #saved: SavedPlan
  readonly #tasks: ReadonlyMap<string, SavedTask>
  /** Why a task is refused, by its key. */
  readonly #refused = new Map<string, string>()
  /** The task at which a host has stopped. */
  readonly #stopped = new Map<string, string>()

  constructor(saved: SavedPlan) {
    this.#saved = saved
    this.#tasks = new Map(saved.tasks.map(task => [taskKey(task), task]))
  }

  /** Compares the fresh plan with the saved one. Returns what people should know. */
  compare(fresh: Plan): NoteEvent[] {
    const notes: NoteEvent[] = []
    const planned = new Map<string, SavedTask[]>()
    for (const task of this.#saved.tasks) {
      const home = task.delegatedBy ?? task.host
      planned.set(home, [...(planned.get(home) ?? []), task])
    }
    const changing = new Map<string, { readonly play: string; readonly record: TaskRecord }>()
    const known = new Set<string>()
    for (const one of fresh.values())
      for (const record of [...one.roles.values()].flat()) {
        if (record.error) continue
        const key = this.#key(one.play, record)
        known.add(key)
        if (record.changes.length > 0) changing.set(key, { ...one, record })
      }
    for (const [host, tasks] of planned) {
      const already = tasks.filter(t => known.has(taskKey(t)) && !changing.has(taskKey(t)))
      if (already.length === 0) continue
      const text = `already as planned, nothing to do: ${already.map(t => t.task).join(', ')}`
      notes.push({ type: 'note', level: 'info', text, host })
    }
    for (const [key, { record }] of changing) {
      const why = this.#whyNot(key, record, false)
      if (why === undefined) continue
      const own =
        this.#saved.progress.mayHaveAltered(key, record.host) &&
        this.#whyNot(key, record, true) === undefined
      if (own) {
        const text = `${record.name}: taken for what the interrupted apply has done: ${why}`
        notes.push({ type: 'note', level: 'info', text, host: record.host })
        continue
      }
      this.#refused.set(key, why)
      this.#saved.progress.refuse(key)
    }
    return notes
  }

  /**
   * Throws TaskError if the task is refused, or its host has stopped before. `changes`: what it is about to do; undefined: not
   * known yet, but it will change something.
   */
  permit(play: string, task: Asking, changes: readonly PlannedChange[] | undefined): void {
    if (changes?.length === 0) return
    const home = task.delegatedBy ?? task.host
    const before = this.#stopped.get(home)
    if (before !== undefined)
      throw this.#error(`${home} has stopped at ${before}, which comes before it`)
    const key = this.#key(play, task)
    const saved = this.#tasks.get(key)
    const why =
      this.#refused.get(key) ??
      (changes === undefined
        ? saved
          ? undefined
          : 'the plan does not have it'
        : whyNot(saved, { changes, facts: [] }, { digest: this.#saved.digest, resultsOnly: true }))
    if (why === undefined) return
    this.#stopped.set(home, task.name)
    this.#saved.progress.refuse(key)
    throw this.#error(why)
  }

  /** A permitted task is about to make these changes; undefined: those of a handler. */
  begin(
    play: string,
    task: Asking,
    changes: readonly PlannedChange[] | undefined,
    opaque = false,
  ): void {
    if (changes?.length === 0) return
    const wide = changes === undefined || areWide(changes, opaque)
    this.#saved.progress.begin(this.#key(play, task), task.host, wide)
  }

  /** The task has changed its host as planned. */
  done(play: string, task: Asking): void {
    this.#saved.progress.done(this.#key(play, task))
  }

  #whyNot(key: string, record: TaskRecord, resultsOnly: boolean): string | undefined {
    const fresh = { changes: record.changes, facts: record.facts ?? [] }
    return whyNot(this.#tasks.get(key), fresh, { digest: this.#saved.digest, resultsOnly })
  }

  #key(play: string, { name, ...task }: Asking): string {
    return taskKey({ ...task, play, task: this.#saved.shown(name) })
  }

  #error(why: string): TaskError {
    return new TaskError(`refused: ${why}`, { hint: this.#saved.again })
  }
}

import type { PlannedEvent, TaskEvent, WorkingEvent } from '../engine/events.ts'
import type { KnownMs, Left, LeftPlay } from './estimate.ts'

type Planned = Pick<PlannedEvent, 'play' | 'stage' | 'batches' | 'forks'> & {
  readonly tasks: Map<string, Left>
}

/** The play's host that a task or what it does counts for. */
export const rowName = ({ host, delegatedBy }: Pick<TaskEvent, 'host' | 'delegatedBy'>): string =>
  delegatedBy ?? host

const keyOf = (e: Pick<TaskEvent, 'host' | 'delegatedBy' | 'role' | 'task'>): string =>
  [rowName(e), e.host, e.role, e.task].join('\0')

/** How many of the planned changes are made: the data behind "87/214" and the estimated rest. */
export class Progress {
  done = 0
  readonly #plays = new Map<string, Planned>()
  readonly known: KnownMs

  constructor(known: KnownMs = () => undefined) {
    this.known = known
  }

  /** Has the engine told what is planned? */
  get isKnown(): boolean {
    return this.#plays.size > 0
  }

  /** Planned changes, and changes that were made without a plan. */
  get total(): number {
    return this.done + this.#left()
  }

  #left(): number {
    return [...this.#plays.values()].reduce((sum, { tasks }) => sum + tasks.size, 0)
  }

  /** A play is about to change something: what it had planned before does not count any more. */
  plan(event: PlannedEvent): void {
    const { play, stage, batches, forks } = event
    const tasks = new Map(
      event.tasks.map(t => [
        keyOf(t),
        { row: rowName(t), host: t.host, role: t.role, task: t.task },
      ]),
    )
    this.#plays.set(play, { play, stage, batches, forks, tasks })
  }

  /** A task of the apply pass has ended. */
  end(event: TaskEvent): void {
    const planned = this.#plays.get(event.play)?.tasks.delete(keyOf(event)) ?? false
    const bad = event.status === 'failed' || event.status === 'unreachable'
    if (!bad && (planned || event.status === 'changed')) this.done++
  }

  /** A host does nothing more, in one play or in all: its planned changes will not be made. */
  drop(host: string): void {
    for (const { tasks } of this.#plays.values())
      for (const [key, { row }] of tasks) if (row === host) tasks.delete(key)
  }

  /** How many planned changes are left in a play, by host. */
  leftIn(play: string): ReadonlyMap<string, number> {
    const left = new Map<string, number>()
    for (const { row } of this.#plays.get(play)?.tasks.values() ?? [])
      left.set(row, (left.get(row) ?? 0) + 1)
    return left
  }

  /** What is left, for the estimate. */
  left(): LeftPlay[] {
    return [...this.#plays.values()].map(p => ({ ...p, tasks: [...p.tasks.values()] }))
  }
}

/** What a task says, for one line: of a progress bar, which returns to the line's begin, the last state. */
export const lastState = (text: WorkingEvent['text']): string =>
  (text ?? '')
    .split('\r')
    .filter(part => part.trim() !== '')
    .at(-1) ?? ''

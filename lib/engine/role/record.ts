import type { PlannedChange } from '../../resources/scope.ts'
import type { SavedFact } from '../saved/digests.ts'

/** A fact that a task has read while it was planned. */
export interface SeenFact {
  readonly saved: SavedFact
  /** What was asked, for people. May contain a secret: the run removes it from events. */
  readonly words: string
}

/** What one task found or did, in one pass. */
export interface TaskRecord {
  /** The host that the task ran on; with `on` that is not the host of the role. */
  readonly host: string
  /** The play's host whose role ran the task here, through `on`. Absent: that is the same host. */
  readonly delegatedBy?: string | undefined
  readonly role: string
  readonly name: string
  readonly changes: readonly PlannedChange[]
  /** Milliseconds. */
  readonly ms: number
  /** When the task ended: milliseconds since 1970. */
  readonly ended?: number
  readonly note?: string | undefined
  /** A gate that did not hold in the plan: why. */
  readonly waiting?: string | undefined
  /** Of such a gate: what its probes have printed. */
  readonly output?: string | undefined
  readonly skipped?: boolean | undefined
  readonly estimate?: boolean | undefined
  /** The note is about a difference that the task leaves alone. */
  readonly drift?: boolean | undefined
  readonly error?: Error | undefined
  /** Of a planned task with changes, if the run saves its plan or follows a saved one. */
  readonly facts?: readonly SeenFact[] | undefined
}

/** The records of a play's roles on one host, by role. */
export type RoleRecords = Map<string, readonly TaskRecord[]>

/** Passes match their tasks by host, name and number, never by position. */
export const recordKey = ({ host, name }: Pick<TaskRecord, 'host' | 'name'>): string =>
  `${host}\0${name}`

/** Keys of the tasks for which the plan has changes. */
export type Predicted = ReadonlySet<string>

/** Would the role have something to do: a change, or a gate to wait for? */
export const hasWork = (records: readonly TaskRecord[]): boolean =>
  records.some(r => r.changes.length > 0 || r.waiting !== undefined)

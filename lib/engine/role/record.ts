import type { Inventory } from '../../inventory/types.ts'
import type { PlannedChange } from '../../resources/scope.ts'
import type { HostRun } from '../host/host-run.ts'

/** What one task found or did, in one pass. */
export interface TaskRecord {
  /** Where; a role may work on another host through `on`. */
  readonly host: string
  readonly role: string
  readonly name: string
  readonly changes: readonly PlannedChange[]
  readonly ms: number
  readonly note?: string | undefined
  readonly waiting?: string | undefined
  readonly skipped?: boolean | undefined
  readonly estimate?: boolean | undefined
  readonly error?: Error | undefined
}

/** Tasks are matched between passes by host, name and number, never by position. */
export const recordKey = ({ host, name }: Pick<TaskRecord, 'host' | 'name'>): string =>
  `${host}\0${name}`

/** Keys of the tasks that the plan says will change something. */
export type Predicted = ReadonlySet<string>

/** What a role run needs of the run around it. */
export interface Surroundings {
  readonly inventory: Inventory
  readonly wantDiff: boolean
  readonly artifactsDir: string | undefined
  readonly begun: number
  readonly keepDir: string
  /** Aborted: start no further task. */
  readonly signal: AbortSignal
  reach(host: string): Promise<HostRun>
  /** Live output. */
  working(host: string, role: string, task: string, text?: string): void
  /** This role makes that host. */
  willExist(host: string): void
  observe(host: string, role: string, found: unknown): void
  /** A task of the apply pass has ended. */
  finished(record: TaskRecord): void
}

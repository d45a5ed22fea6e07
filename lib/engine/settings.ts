import type { Inventory } from '../inventory/types.ts'
import type { ConnectOptions } from './host/connect.ts'
import type { Event } from './events.ts'
import type { Conclude } from './define/role.ts'
import type { CheckedVars, SelectedPlay } from './define/select.ts'

/** Everything a run needs to know. */
export interface RunOptions extends ConnectOptions {
  readonly inventory: Inventory
  readonly stages: readonly (readonly SelectedPlay[])[]
  readonly vars: CheckedVars
  readonly dryRun: boolean
  readonly diff: boolean
  /** Hosts worked on at the same time. */
  readonly forks: number
  readonly lab: boolean
  /** A dry run with changes pending exits 3. */
  readonly pendingIsError: boolean
  readonly artifactsDir: string | undefined
  /** When the job began (lib/engine/host/journal.ts), in ms since 1970. */
  readonly begun: number
  /** Where the controller keeps what it takes from hosts. */
  readonly keepDir: string
  /** Only look: no lock is taken and the plan is all. */
  readonly readOnly: boolean
  readonly conclude: Conclude | undefined
  /** What roles hand to `conclude`, by host NUL role. */
  readonly found: Map<string, unknown>
  /** Aborted: start no further task. */
  readonly stop: AbortSignal
  /** Aborted: end what is running on the hosts, too. */
  readonly kill: AbortSignal
  emit(event: Event): void
}

/** Where events go on their way out: counted, and without secrets. */
export type Emit = (event: Event) => void

import type { Inventory } from '../inventory/types.ts'
import type { ConnectOptions } from './connect.ts'
import type { Event } from './events.ts'
import type { CheckedVars, SelectedPlay } from './select.ts'

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
  /** Aborted: start no further task. */
  readonly stop: AbortSignal
  /** Aborted: end what is running on the hosts, too. */
  readonly kill: AbortSignal
  emit(event: Event): void
}

/** Where events go on their way out: counted, and without secrets. */
export type Emit = (event: Event) => void

import type { Event } from '../engine/events.ts'
import type { KnownMs } from './estimate.ts'
import type { FilePlace } from './sarif-log.ts'

/** Consumes a run's events and shows them. */
export interface Report {
  /** Shows one event. Never throws and never waits. */
  on(event: Event): void
  /** Prints the rest and resolves when all output has been handed to the system. Call it once, before the process exits. */
  end(): Promise<void>
}

export interface ReportOptions {
  readonly stdout: NodeJS.WritableStream
  readonly stderr: NodeJS.WritableStream
  /** Whether to print colours: reports check neither NO_COLOR nor the terminal themselves. */
  readonly color: boolean
  /** Size of the terminal; a stream that has a size of its own overrides it. */
  readonly columns: number
  readonly rows: number
  readonly diff: boolean
  /** Also show tasks that are ok. */
  readonly verbose: boolean
  /** How many milliseconds a task took in earlier runs, for the estimated rest. */
  readonly known?: KnownMs | undefined
  /** Where the inventory has a host; without one: the inventory. For annotations and SARIF. */
  readonly place?: ((host?: string) => FilePlace | undefined) | undefined
  /** Files below this directory are named relative to it. */
  readonly cwd?: string | undefined
}

import type { Event } from '../engine/events.ts'

/** Consumes a run's events and shows them. */
export interface Report {
  /** Never throws and never waits. */
  on(event: Event): void
  /** Prints what is left and resolves when all of it has reached the system. Call it once, before the process exits. */
  end(): Promise<void>
}

export interface ReportOptions {
  readonly stdout: NodeJS.WritableStream
  readonly stderr: NodeJS.WritableStream
  /** False when NO_COLOR is set or stdout is no terminal; the reports look at nothing else. */
  readonly color: boolean
  /** Size of the terminal; a stream that knows its own (and its changes) overrides it. */
  readonly columns: number
  readonly rows: number
  readonly diff: boolean
  /** Also show tasks that are ok. */
  readonly verbose: boolean
}

import type { Event, VersionEvent, WorkingEvent } from '../engine/events.ts'

/*
 * The record of a run, one JSON value per line (docs/architecture.md, "Records of runs"): the version line of NDJSON, the
 * line `run`, the events, and the line `end`. A record without `end` is of a run that still works or was killed; its last
 * line may be incomplete.
 */

/** The second line: which run this is. */
export interface RunLine {
  readonly type: 'run'
  /** Unique; part of the file's name. */
  readonly id: string
  /** The command without its options: "play site", "role motd web". */
  readonly command: string
  /** The command line, without the values of secrets. */
  readonly argv: readonly string[]
  readonly dryRun: boolean
  /** Of the playbook: it only reads the hosts. */
  readonly readOnly: boolean
  readonly lab: boolean
  /** With --shard: which part of the hosts this run works on, and a key that all parts have in common. */
  readonly shard?: { readonly index: number; readonly of: number; readonly key: string } | undefined
  /** The path of the inventory's file. */
  readonly inventory: string
  /** The user who runs fmc, and the one who called sudo. */
  readonly user: string
  readonly sudoUser?: string
  /** The address from which that user has logged in to this machine with SSH. */
  readonly from?: string
  /** The name of the machine that fmc runs on, and the process. */
  readonly controller: string
  readonly pid: number
  /** The commit of the inventory's directory; `dirty`: it has changes that are not committed. */
  readonly git?: { readonly revision: string; readonly dirty: boolean } | undefined
  /** ISO 8601. */
  readonly begin: string
  /** Of a record that `fmc runs merge` has made: the ids of its parts. */
  readonly merged?: readonly string[]
}

/** The last line. */
export interface EndLine {
  readonly type: 'end'
  readonly exitCode: number
  /** ISO 8601. */
  readonly end: string
}

/** What a record keeps of a run: all events but what tasks say while they work. */
export type RecordedEvent = Exclude<Event, VersionEvent | WorkingEvent>

/** An event, and how many milliseconds after the run's begin it happened. A task's `at` is its end. */
export type EventLine = RecordedEvent & { readonly at: number }

/** Any line. */
export type RecordLine = VersionEvent | RunLine | EventLine | EndLine

/** The events of a run. Reports know nothing else of the engine. NDJSON prints them as they are. */

/** The outcome of a task. */
export type Status = 'ok' | 'changed' | 'skipped' | 'failed' | 'unreachable'

/** One change of a task. */
export interface Change {
  /** In words: "content", "install haproxy", "mode 0600 → 0644". */
  readonly what: string
  /** Unified diff; only with --diff, never of secrets. */
  readonly diff?: string
}

/** Why a task or a host failed. */
export interface Failure {
  readonly message: string
  readonly hint?: string
  readonly command?: string
  readonly output?: string
}

/** How many tasks ended in which way. */
export interface Counts {
  readonly ok: number
  readonly changed: number
  readonly skipped: number
  readonly failed: number
  readonly unreachable: number
  /** Changes that were made but not planned. */
  readonly unpredicted: number
  /** Planned changes that were not needed. */
  readonly unneeded: number
}

/**
 * One statement on the page of a check such as `fmc play health`.
 *
 * @example
 * const finding: Finding = {
 *   level: 'degraded',
 *   text: 'etcd has 2 of 3 members',
 *   hint: 'fmc play site --limit master3',
 * }
 */
export interface Finding {
  /** broken: something does not work. degraded: it works, but the next failure will break it. notice: see to it this week. */
  readonly level: 'broken' | 'degraded' | 'notice' | 'fine'
  /** One sentence. */
  readonly text: string
  /** The evidence, one line each. */
  readonly details?: readonly string[]
  /** What to do. */
  readonly hint?: string
}

/**
 * The page of a check, the most important finding first.
 *
 * @example
 * const page: Page = { title: 'Health', findings: [{ level: 'fine', text: 'all hosts answer' }] }
 */
export interface Page {
  readonly title: string
  readonly findings: readonly Finding[]
}

/** The page of a playbook that concludes with one. */
export interface PageEvent extends Page {
  readonly type: 'page'
}

/** The first line of NDJSON. */
export interface VersionEvent {
  readonly type: 'version'
  readonly fmc: string
  readonly contract: 1
}

/** The first event of a run: what it is about to do. */
export interface StartEvent {
  readonly type: 'start'
  readonly command: string
  readonly dryRun: boolean
  readonly lab: boolean
  /** A check: its page is its result. */
  readonly readOnly?: true
  readonly plays: readonly {
    readonly play: string
    readonly hosts: readonly string[]
    readonly roles: readonly string[]
  }[]
  readonly hosts: readonly string[]
}

/** A message for people. */
export interface NoteEvent {
  readonly type: 'note'
  readonly level: 'info' | 'warning'
  readonly text: string
  readonly host?: string
}

/** A pass starts or ends. */
export interface PassEvent {
  readonly type: 'pass'
  readonly pass: 'plan' | 'apply' | 'verify'
  readonly state: 'start' | 'end'
}

/** A play starts or ends. */
export interface PlayEvent {
  readonly type: 'play'
  readonly play: string
  readonly state: 'start' | 'end'
  readonly hosts: readonly string[]
}

/** For live output: what a host is doing now. */
export interface WorkingEvent {
  readonly type: 'working'
  readonly host: string
  readonly play: string
  readonly role: string
  readonly task: string
  readonly text?: string
}

/** The outcome of a task, or what the task would do. */
export interface TaskEvent {
  readonly type: 'task'
  readonly host: string
  readonly play: string
  readonly role: string
  readonly task: string
  readonly status: Status
  readonly predicted: boolean
  readonly changes: readonly Change[]
  /** Milliseconds. */
  readonly ms: number
  /** "by another task", "pending from an interrupted run", "will wait for it". */
  readonly note?: string
  /** The note is about a difference that the task leaves alone. Not part of the NDJSON contract. */
  readonly drift?: true
  readonly unpredicted?: true
  readonly unneeded?: true
  /** The prediction rests on a probe that could not see earlier planned changes. */
  readonly estimate?: true
  readonly failure?: Failure
}

/** A step of a host that has no failure. */
export interface HostStateEvent {
  readonly type: 'host'
  readonly host: string
  readonly state: 'connecting' | 'connected' | 'done'
}

/** The host does not exist yet: `by` will create it, so it is planned as a freshly installed one. */
export interface NewHostEvent {
  readonly type: 'host'
  readonly host: string
  readonly state: 'new'
  readonly by: string
}

/** The host takes no further part in the run. */
export interface LostHostEvent {
  readonly type: 'host'
  readonly host: string
  readonly state: 'unreachable' | 'failed'
  readonly failure: Failure
}

/** The last event of a run. */
export interface RecapEvent extends Counts {
  readonly type: 'recap'
  readonly dryRun: boolean
  readonly seconds: number
  readonly hosts: Readonly<Record<string, Counts>>
  readonly exitCode: number
  /** Hosts that did not exist when they were planned. */
  readonly new?: readonly string[]
  /** Hosts on which another run works: because of them nothing was changed on any host. */
  readonly locked?: readonly string[]
  /** How many planned changes were not made because of that, by host. Comes with `locked`. */
  readonly undone?: Readonly<Record<string, number>>
}

/** Any event. */
export type Event =
  | PageEvent
  | VersionEvent
  | StartEvent
  | NoteEvent
  | PassEvent
  | PlayEvent
  | WorkingEvent
  | TaskEvent
  | HostStateEvent
  | NewHostEvent
  | LostHostEvent
  | RecapEvent

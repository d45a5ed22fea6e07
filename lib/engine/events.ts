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
  /** At the start of the apply: how many tasks are to change something. */
  readonly planned?: number
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
  /** As in a task's event. */
  readonly delegatedBy?: string
  readonly play: string
  readonly role: string
  readonly task: string
  /** What the task waits for, how far it is, or the last line that its command has printed. */
  readonly text?: string
}

/** For live output: what a play is about to change. Comes when the apply pass starts, and again for a play that has got more to do by the time it starts. */
export interface PlannedEvent {
  readonly type: 'planned'
  readonly play: string
  /** Plays with the same number run at the same time, the others one after another. */
  readonly stage: number
  /** The play's hosts; one batch after another. */
  readonly batches: readonly (readonly string[])[]
  /** Hosts worked on at the same time. */
  readonly forks: number
  /** The tasks for which the plan has changes. */
  readonly tasks: readonly Pick<TaskEvent, 'host' | 'delegatedBy' | 'role' | 'task'>[]
}

/** For live output: the user has asked the run to stop. */
export interface StoppingEvent {
  readonly type: 'stopping'
  /** What happens now, and what a second Ctrl-C does. */
  readonly text: string
}

/** The outcome of a task, or what the task would do. */
export interface TaskEvent {
  readonly type: 'task'
  /** Where the task ran. */
  readonly host: string
  /** The play's host whose role ran the task there, through `on`: the task counts for that host. Absent: the same host. */
  readonly delegatedBy?: string
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
  /** When the task ended: milliseconds since 1970. Not part of the NDJSON contract. */
  readonly ended?: number
  /** Absolute paths and units that predicted changes are about. Not part of the NDJSON contract. */
  readonly about?: { readonly paths: readonly string[]; readonly units: readonly string[] }
  readonly unpredicted?: true
  readonly unneeded?: true
  /** The prediction rests on a probe that could not see earlier planned changes. */
  readonly estimate?: true
  readonly failure?: Failure
}

/** For the record of the run: what a host is, as the plan found it. Not part of the NDJSON contract. */
export interface FactsEvent {
  readonly type: 'facts'
  readonly host: string
  /** Answers by question, "os", "deb haproxy", "unit k3s"; without the content of files and what commands print. */
  readonly facts: Readonly<Record<string, unknown>>
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
  /** How many planned changes were not made, by host. Always there with `locked`. */
  readonly undone?: Readonly<Record<string, number>>
  /** Hosts that did not fail and that the run did not finish: the plays that it did not come to, or broke off, there. */
  readonly notReached?: Readonly<Record<string, readonly string[]>>
  /** The play that ended the run before its time, because hosts of it failed. */
  readonly stoppedBy?: string
  /** The command that makes what a dry run predicts, or that continues what this run left. Never with a secret. */
  readonly next?: string
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
  | PlannedEvent
  | StoppingEvent
  | TaskEvent
  | FactsEvent
  | HostStateEvent
  | NewHostEvent
  | LostHostEvent
  | RecapEvent

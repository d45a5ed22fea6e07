/** What the engine tells. Every report is a consumer of these and of nothing else. NDJSON prints them as they are. */
export type Status = 'ok' | 'changed' | 'skipped' | 'failed' | 'unreachable'

export interface Change {
  /** In words: "content", "install haproxy", "mode 0600 → 0644". */
  readonly what: string
  /** Unified diff; only with --diff, never of secrets. */
  readonly diff?: string
}

export interface Failure {
  readonly message: string
  readonly hint?: string
  readonly command?: string
  readonly output?: string
}

export interface Counts {
  readonly ok: number
  readonly changed: number
  readonly skipped: number
  readonly failed: number
  readonly unreachable: number
  /** Changes that were made although the plan did not name them. */
  readonly unpredicted: number
  /** Changes that the plan named and that were not needed. */
  readonly unneeded: number
}

/** What a check of the whole says about one thing. */
export interface Finding {
  /** broken: something does not work. degraded: it works, but the next failure breaks it. notice: this week is soon enough. */
  readonly level: 'broken' | 'degraded' | 'notice' | 'fine'
  /** One sentence. */
  readonly text: string
  /** What it rests on, a line each. */
  readonly details?: readonly string[]
  /** What to do. */
  readonly hint?: string
}

/** Everything found on one page, the most important first. */
export interface Page {
  readonly title: string
  readonly findings: readonly Finding[]
}

export type Event =
  | ({ readonly type: 'page' } & Page)
  | { readonly type: 'version'; readonly fmc: string; readonly contract: 1 }
  | {
      readonly type: 'start'
      readonly command: string
      readonly dryRun: boolean
      readonly lab: boolean
      /** A check: its page says it all. */
      readonly readOnly?: true
      readonly plays: readonly {
        readonly play: string
        readonly hosts: readonly string[]
        readonly roles: readonly string[]
      }[]
      readonly hosts: readonly string[]
    }
  | {
      readonly type: 'note'
      readonly level: 'info' | 'warning'
      readonly text: string
      readonly host?: string
    }
  | {
      readonly type: 'pass'
      readonly pass: 'plan' | 'apply' | 'verify'
      readonly state: 'start' | 'end'
    }
  | {
      readonly type: 'play'
      readonly play: string
      readonly state: 'start' | 'end'
      readonly hosts: readonly string[]
    }
  /** For live output: what a host is doing now. */
  | {
      readonly type: 'working'
      readonly host: string
      readonly play: string
      readonly role: string
      readonly task: string
      readonly text?: string
    }
  | {
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
      /** "by another task", "owed from an interrupted run", "will wait for". */
      readonly note?: string
      readonly unpredicted?: true
      readonly unneeded?: true
      /** The prediction rests on a probe that could not see earlier planned changes. */
      readonly estimate?: true
      readonly failure?: Failure
    }
  | {
      readonly type: 'host'
      readonly host: string
      readonly state: 'connecting' | 'connected' | 'done'
    }
  /** It does not exist yet: `by` will create it, so it is planned as a freshly installed one. */
  | {
      readonly type: 'host'
      readonly host: string
      readonly state: 'new'
      readonly by: string
    }
  | {
      readonly type: 'host'
      readonly host: string
      readonly state: 'unreachable' | 'failed'
      readonly failure: Failure
    }
  | ({
      readonly type: 'recap'
      readonly dryRun: boolean
      readonly seconds: number
      readonly hosts: Readonly<Record<string, Counts>>
      readonly exitCode: number
      /** Hosts that did not exist when they were planned. */
      readonly new?: readonly string[]
      /** Hosts that somebody else works on: because of them nothing was changed on any host. */
      readonly locked?: readonly string[]
      /** How many planned changes were not made because of that, by host. Comes with `locked`. */
      readonly undone?: Readonly<Record<string, number>>
    } & Counts)

import { AsyncLocalStorage } from 'node:async_hooks'
import type { Facts, FamilyName, Query } from '../facts/index.ts'
import type { Host, Inventory } from '../inventory/types.ts'
import type { Secret } from '../secrets/secret.ts'

/** plan: read through the forecast, write nothing. apply: read the host, write. verify: plan again, must find nothing. */
export type Mode = 'plan' | 'apply' | 'verify'

/** A fact that a change leaves behind, for the forecast. */
export type Left = {
  [F in FamilyName]: readonly [query: Query<F>, fact: Facts[F] | Unknowable]
}[FamilyName]

/** A fact of which only is known that it will not be what it was. */
export type Unknowable = 'unknown'

/** One change of one task: what it does in words, how, and what the host looks like afterwards. */
export interface PlannedChange {
  readonly what: string
  /** Shell text, run under `set -e` as root. May contain secrets (then it is a Secret). */
  readonly script?: string | Secret
  /** Runs before the handler marks are set; may touch only temporary files. */
  readonly prepare?: string | Secret
  /** Bytes to stream to the host before `prepare`: a controller file and where it goes. */
  readonly upload?: { readonly from: string; readonly to: string }
  readonly factsAfter?: readonly Left[]
  /** Planned text of a file, so that later questions about its lines can be answered. */
  readonly text?: readonly [path: string, content: string]
  /** Default 10 minutes. */
  readonly timeoutMs?: number
  /** The script makes the host boot anew: the session is expected to die and is opened again within `timeoutMs`. */
  readonly reboots?: true
  /** Unified diff for the report; filled in on demand. */
  readonly diff?: string
}

/** What a task has found or done. */
export interface TaskResult {
  readonly changes: readonly PlannedChange[]
  readonly note?: string
  /** The note tells of a difference that the task leaves alone: reports always show it. */
  readonly drift?: true
  /** A gate that does not hold (plan only): why. */
  readonly waiting?: string
  readonly skipped?: boolean
}

/** What is taken from a host at most. */
export interface TakeLimits {
  /** For the script; each piece of a file has two minutes of its own. */
  readonly timeoutMs: number
  /** Of all files together. */
  readonly maxBytes: number
  readonly maxFiles: number
}

/** What follows from a task's changes. */
export interface Consequences {
  /** Handlers to run later if there are changes. */
  readonly notify?: string | readonly string[] | undefined
  /** The changes may alter more than they can name. */
  readonly opaque?: boolean | undefined
}

/** How a task changes its host. Only the engine implements it. */
export interface TaskRun {
  /**
   * Apply pass: marks the handlers as pending on the host, then makes the changes. Other passes: adds the changes to the
   * forecast. Throws TaskError, also for a handler that the role does not have.
   */
  carryOut(changes: readonly PlannedChange[], consequences?: Consequences): Promise<void>
  /** Run a script that prints paths, and copy these files into a directory of the controller. Throws TaskError. */
  take(script: string, into: string, limits: TakeLimits): Promise<void>
  /**
   * Run a script over a connection made for it (a TCP and SSH handshake of its own) and closed after it. If the run's
   * own session has not survived, it is opened again. Throws UnreachableError, TaskError.
   */
  onNewConnection(script: string, timeoutMs: number): Promise<Facts['command']>
  /** Progress text of a task that takes time. */
  progress(text: string): void
}

/** Shell text that runs ahead of the changes made within `fenced`, in the same script as each of them. */
export interface Fence {
  /** Ahead of the first; again, if that change failed. */
  readonly first: string
  /** Ahead of every later one. */
  readonly next: string
  /** Kept by the engine: has `first` been sent, and did it and its change succeed? */
  state: 'down' | 'tried' | 'up'
}

/** The settings of a run that resources use. They are the same for every role and host. */
export interface RoleSettings {
  readonly inventory: Inventory
  /** `--diff`. */
  readonly diff: boolean
  /** `--artifacts DIR`. */
  readonly artifactsDir: string | undefined
  /** When this job began, in ms since 1970: this run, or the interrupted run that it resumes. */
  readonly begun: number
  /** Where the controller keeps the files that it copies from hosts. */
  readonly keepDir: string
}

/** One role on one host in one pass: all that resources see of the engine. */
export interface Scope {
  readonly settings: RoleSettings
  readonly host: Host
  readonly role: string
  readonly mode: Mode
  /** A planned change that may have altered what is read here; a missing precondition is then no error. */
  readonly doubt: string | undefined
  /** From here on the plan is an estimate: a probe read the host where a change is planned. */
  markEstimate(): void
  /** Did an earlier task of this pass change (or plan to change) this host? */
  readonly dirty: boolean
  /** Forecast (plan, verify), then memory, then the host: everything asked in one tick is one round trip. */
  read<F extends FamilyName>(
    query: Query<F>,
    options?: { readonly fresh?: boolean },
  ): Promise<Facts[F]>
  /** One line of progress. Errors are recorded and thrown on. */
  task(
    name: string,
    body: (task: TaskRun) => Promise<TaskResult>,
  ): Promise<{ readonly changed: boolean }>
  /** Hand something found to the playbook's `conclude`; the role's last word on a host counts. */
  observe(found: unknown): void
  /** In a plan: this role will make that host. Throws TaskError when it is no VM of this one. */
  willExist(host: string): void
  /** While `body` runs, changes of this host have the fence's text ahead of them. Resolves with whether a change was planned. */
  fenced(fence: Fence, body: () => Promise<void>): Promise<boolean>
  /** Run the notified handlers now. */
  flush(): Promise<void>
  /** The same role's view of another host. Throws when it cannot be reached. */
  reach(host: string): Promise<Scope>
  /** Wait; ends early with an error when the run is interrupted. */
  pause(ms: number): Promise<void>
}

const storage = new AsyncLocalStorage<{ readonly scope: Scope; readonly fresh: boolean }>()

/** The role run that this code belongs to. Throws outside of a role. */
export function scope(): Scope {
  const here = storage.getStore()
  if (!here) throw new Error('resources, probes and gates can only be used inside a role')
  return here.scope
}

/** Are answers to be taken from the host and not from memory (inside a gate)? */
export const isFresh = (): boolean => storage.getStore()?.fresh ?? false

/** Run a function within a role's scope. `fresh`: probes ask the host each time. */
export const within = <T>(s: Scope, fn: () => Promise<T>, fresh = false): Promise<T> =>
  storage.run({ scope: s, fresh }, fn)

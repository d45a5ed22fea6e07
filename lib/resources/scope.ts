/** What resources need of the engine: the interface `Scope` (engine/role/role-run.ts implements it), and the types of its arguments and results. */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { Facts, FamilyName, Query } from '../facts/index.ts'
import type { Host, Inventory } from '../inventory/types.ts'
import type { Secret } from '../secrets/secret.ts'

/**
 * plan: reads through the forecast and writes nothing. apply: reads the host and writes. verify: plans again and must find
 * nothing to do.
 */
export type Mode = 'plan' | 'apply' | 'verify'

/** A fact that a change leaves behind, for the forecast. */
export type FactAfter = {
  [F in FamilyName]: readonly [query: Query<F>, fact: Facts[F] | Unknowable]
}[FamilyName]

/** A fact that will change to a value that the plan cannot know. */
export type Unknowable = 'unknown'

/**
 * One change of one task: what it does in words, how, and which facts hold afterwards. The `plan` of a resource returns them.
 *
 * @example
 * const change: PlannedChange = { what: 'turn swap off', script: 'swapoff -a', timeoutMs: 60_000 }
 */
export interface PlannedChange {
  /** In words, such as "mode 0644 → 0600". No secrets. */
  readonly what: string
  /** Shell text, run under `set -e` as root. May contain secrets (then it is a Secret). */
  readonly script?: string | Secret
  /** Shell text that runs before the handlers are marked as pending; it may touch only temporary files. */
  readonly prepare?: string | Secret
  /** A file of the controller to stream to the host before `prepare`, and its path there. */
  readonly upload?: { readonly from: string; readonly to: string }
  readonly factsAfter?: readonly FactAfter[]
  /** The planned text of a file, so that the forecast can answer questions about its lines. */
  readonly text?: readonly [path: string, content: string]
  /** Time limit of each script in ms; default 600,000 (10 minutes). */
  readonly timeoutMs?: number
  /** The script reboots the host: fmc expects to lose the session, and opens it again within `timeoutMs`. */
  readonly reboots?: true
  /**
   * For a task whose changes may alter more than they name: package repositories and the files of kernel parameters stay as they
   * are. Without it a later task of the same plan cannot know what it will find there.
   */
  readonly keepsSettings?: true
  /** The script is a command of the role: a saved plan allows no other one, whatever is true afterwards. */
  readonly command?: true
  /** Of a change without a script: what a saved plan compares instead. */
  readonly compared?: string | Secret
  /** Unified diff for the report; fmc fills it in for --diff. */
  readonly diff?: string
}

/** The result of a task. */
export interface TaskResult {
  readonly changes: readonly PlannedChange[]
  readonly note?: string
  /** The note is about a difference that the task leaves alone; every report shows it. */
  readonly drift?: true
  /** In a plan: why a gate is not open. */
  readonly waiting?: string
  /** In a plan: what the probes of a gate that is not open have printed. */
  readonly output?: string | undefined
  readonly skipped?: boolean
}

/** What the engine must know of a task before it starts. */
export interface TaskOptions {
  /** The task waits for a condition and changes nothing: the handlers that are due run before it. */
  readonly isGate?: boolean
}

/** The limits of what `keep` copies from a host. */
export interface TakeLimits {
  /** Time limit of the script; each piece of a file has two more minutes. */
  readonly timeoutMs: number
  /** Total size of all files. */
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

/** How a task changes its host. The engine implements it. */
export interface TaskRun {
  /**
   * Apply pass: marks the handlers as pending on the host, then makes the changes. Other passes: adds the changes to the
   * forecast. Resolves with the end of what the changes have printed on stderr, without secrets. Throws TaskError, also for a
   * handler that the role does not have.
   */
  carryOut(changes: readonly PlannedChange[], consequences?: Consequences): Promise<string>
  /** Run a script that prints paths, and copy the files there into a directory of the controller. Throws TaskError. */
  take(script: string, into: string, limits: TakeLimits): Promise<void>
  /**
   * Run a script over a new connection (with its own TCP and SSH handshake), which is closed afterwards. If the run's
   * session is lost, it is opened again. Throws UnreachableError, TaskError.
   */
  onNewConnection(script: string, timeoutMs: number): Promise<Facts['command']>
  /** For changes that are made without `carryOut`, before they are made: throws TaskError if a saved plan does not have them. */
  permit(changes: readonly PlannedChange[]): void
  /** Show progress of a task that takes time. */
  progress(text: string): void
}

/** Shell text that runs before each change made within `fenced`, in the same script. */
export interface Fence {
  /** Before the first change, and again if that change failed. */
  readonly first: string
  /** Before every later change. */
  readonly next: string
  /** The engine keeps it: down: `first` has not been sent; tried: it has; up: it and its change have succeeded. */
  state: 'down' | 'tried' | 'up'
}

/** The settings of a run that resources use. They are the same for every role and host. */
export interface RoleSettings {
  readonly dryRun: boolean
  /** As in a dry run, no plan is carried out. */
  readonly readOnly: boolean
  readonly inventory: Inventory
  /** `--diff`. */
  readonly diff: boolean
  /** `--artifacts DIR`. */
  readonly artifactsDir: string | undefined
  /** When this job began, in ms since 1970: this run, or the interrupted run that it resumes. */
  readonly begun: number
  /** The controller's directory for files that `keep` copies from hosts. */
  readonly keepDir: string
}

/** One role on one host in one pass: the part of the engine that resources see. */
export interface Scope {
  readonly settings: RoleSettings
  readonly host: Host
  readonly role: string
  readonly mode: Mode
  /** The planned task that may have altered what this task reads; then a missing precondition is not an error. */
  readonly doubt: string | undefined
  /** From here on the plan is an estimate: a probe has read the host after a planned change. */
  markEstimate(): void
  /** Did an earlier task of this pass change (or plan to change) this host? */
  readonly dirty: boolean
  /**
   * Looks into the forecast (plan, verify), then into memory, then asks the host. All queries of one tick are one round
   * trip. `fresh` skips the memory.
   */
  read<F extends FamilyName>(
    query: Query<F>,
    options?: { readonly fresh?: boolean },
  ): Promise<Facts[F]>
  /** Run a task: one line of the report. Records and rethrows its error. */
  task(
    name: string,
    body: (task: TaskRun) => Promise<TaskResult>,
    options?: TaskOptions,
  ): Promise<{ readonly changed: boolean }>
  /** Pass a finding to the playbook's `conclude`. A later call replaces it. */
  observe(found: unknown): void
  /** In a plan: this role will create that host. Throws TaskError when it is not a VM of this one. */
  willExist(host: string): void
  /** While `body` runs, the fence's text precedes every change of this host. Resolves with whether a change was planned. */
  fenced(fence: Fence, body: () => Promise<void>): Promise<boolean>
  /** Run the notified handlers now. */
  flush(): Promise<void>
  /** The same role's view of another host. Throws UnreachableError. */
  reach(host: string): Promise<Scope>
  /** Wait; rejects early when the run is interrupted. */
  pause(ms: number): Promise<void>
  /** The end of a command's output without the run's secrets, for errors. */
  excerpt(output: string): string
}

/** A command that a probe has run, and what the host answered. */
export interface Heard {
  readonly host: string
  readonly command: string
  readonly answer: Facts['command']
}

/** How code runs within a scope. */
export interface Manner {
  /** Probes ask the host each time. */
  readonly fresh?: boolean | undefined
  /** Called with the answer of every probe. */
  readonly heard?: ((heard: Heard) => void) | undefined
}

const storage = new AsyncLocalStorage<{ readonly scope: Scope; readonly manner: Manner }>()

/** The role run to which the calling code belongs; undefined outside of a role. */
export const scopeIfAny = (): Scope | undefined => storage.getStore()?.scope

/** The role run to which the calling code belongs. Throws outside of a role. */
export function scope(): Scope {
  const here = scopeIfAny()
  if (!here)
    throw new Error('resources, templates, probes and gates can only be used inside a role')
  return here
}

/** How the calling code runs: inside a gate, an order or an invariant, probes ask the host and do not use remembered answers. */
export const manner = (): Manner => storage.getStore()?.manner ?? {}

/** Runs a function within a role's scope. */
export const within = <T>(s: Scope, fn: () => Promise<T>, how: Manner = {}): Promise<T> =>
  storage.run({ scope: s, manner: how }, fn)

import type { RoleSettings } from '../resources/scope.ts'
import type { Conclude } from './define/playbook.ts'
import type { CheckedVars, SelectedPlay } from './define/select.ts'
import type { Event } from './events.ts'
import type { ConnectSettings } from './host/connect.ts'
import type { Fleet } from './host/fleet.ts'
import type { Plan } from './plan.ts'
import type { Digest } from './saved/digests.ts'
import type { Following, SavedPlan } from './saved/follow.ts'

/** Where a run starts: in the first play that has the role. */
export interface StartAt {
  readonly role: string
  /** The task's name as in reports. */
  readonly task: string
}

/** What the caller of a run decides. */
export interface RunSettings extends ConnectSettings, RoleSettings {
  readonly stages: readonly (readonly SelectedPlay[])[]
  readonly vars: CheckedVars
  readonly dryRun: boolean
  /** Hosts worked on at the same time. */
  readonly forks: number
  readonly lab: boolean
  /** Who runs which command, for the audit on hosts that the run changes (host/audit.ts). It contains no secret. Absent: no audit. */
  readonly auditedBy?: string | undefined
  /** A dry run with changes pending exits 3. */
  readonly pendingIsError: boolean
  /** The command line that does the same, or what a dry run predicts; reports show it. It contains no secret. */
  readonly next?: string | undefined
  /** Only read the hosts: the run takes no lock and ends after the plan. */
  readonly readOnly: boolean
  readonly conclude: Conclude | undefined
  /** Skip the tasks of this role's first play that come before the task. */
  readonly startAt?: StartAt | undefined
  /** With --step: may the play's changes be applied to the host? Absent: yes. */
  readonly confirm?: ((play: string, host: string) => Promise<boolean>) | undefined
  /** What roles hand to `conclude`, by host NUL role. The run fills it. */
  readonly found: Map<string, unknown>
  /** Makes the digests of a saved plan; undefined: the run neither saves its plan nor follows a saved one. */
  readonly digest?: Digest | undefined
  /** Gets the finished plan, before anything is applied. */
  readonly onPlan?: ((plan: Plan) => void) | undefined
  /** Apply nothing but this. */
  readonly saved?: SavedPlan | undefined
  /** Aborted: start no further task. */
  readonly stop: AbortSignal
  /** Aborted: also end what is running on the hosts. */
  readonly kill: AbortSignal
  /** Aborted, after `stop`: also do not wait for a role that runs nothing on any host. */
  readonly term?: AbortSignal | undefined
  emit(event: Event): void
}

/** Takes an event on its way out: counts it and removes secrets from it. */
export type Emit = (event: Event) => void

/** What does not change during a run. Every part of the engine gets it. */
export interface Run {
  readonly settings: RunSettings
  readonly fleet: Fleet
  readonly emit: Emit
  /** Of a run that applies a saved plan. */
  readonly following?: Following | undefined
}

import type { Event } from '../../engine/events.ts'
import type { RunSettings } from '../../engine/settings.ts'

/** What a saved plan adds to a run, whether the run makes the plan or applies it. */
export interface PlanWork {
  readonly settings: Partial<Pick<RunSettings, 'digest' | 'diff' | 'onPlan'>>
  /** Of a run that applies a plan. `resumed`: an earlier apply of it has not finished. */
  readonly follow?: (resumed: boolean) => RunSettings['saved']
  /** Part of the job's name: each plan is a job of its own. */
  readonly job: readonly string[]
  /** What people should know before the run. */
  readonly notes: readonly string[]
  /** The command that continues an interrupted run. */
  readonly next?: string
  /** The events to report for one. */
  events(event: Event): readonly Event[]
  /** The last events of the run; `error`: the plan could not be written. */
  end(): Promise<{ readonly events: readonly Event[]; readonly error?: unknown }>
}

/** What of a playbook runs. */
export interface PlanRun {
  readonly kind: 'play' | 'role'
  readonly name: string
  /** Of a role: on which hosts. */
  readonly pattern?: string
}

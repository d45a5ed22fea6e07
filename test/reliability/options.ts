/** What the harness is asked to do. */
export interface Options {
  readonly cases: number
  readonly seed: number
  /** Faults; empty: all. */
  readonly only: readonly string[]
  readonly workloads: readonly string[]
  /** Single cases. */
  readonly ids: readonly string[]
  /** Cases that are played at the same time. */
  readonly jobs: number
  /** Two faults, one after another, in each case. */
  readonly pairs: boolean
  readonly resume: boolean
  /** Stop at the first case that finds something. */
  readonly untilFound: boolean
  /** Hand changes instead of faults. */
  readonly drift: boolean
  /** Say nothing; the result is in `json`. */
  readonly quiet: boolean
  /** File with one verdict a line. */
  readonly state?: string | undefined
  /** File for all that was found. */
  readonly json?: string | undefined
}

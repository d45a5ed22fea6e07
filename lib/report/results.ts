import type { Counts, RecapEvent } from '../engine/events.ts'

/** What a run came to on one host. */
export interface HostResult {
  readonly host: string
  readonly counts: Counts
  /** Of a dry run: the host does not exist yet. */
  readonly created: boolean
  readonly locked: boolean
  /** Planned changes that were not made. */
  readonly undone: number
  /** The plays that the run did not come to there, although the host did not fail. */
  readonly notReached: readonly string[]
}

/** The result of each host, in the recap's order. */
export const resultsOf = (recap: RecapEvent): HostResult[] =>
  Object.entries(recap.hosts).map(([host, counts]) => ({
    host,
    counts,
    created: recap.dryRun && (recap.new?.includes(host) ?? false),
    locked: recap.locked?.includes(host) ?? false,
    undone: recap.undone?.[host] ?? 0,
    notReached: recap.notReached?.[host] ?? [],
  }))

/** Everything on the host is as it should be, and nothing was changed or left. */
export const isFine = ({ counts, locked, undone, notReached }: HostResult): boolean =>
  counts.changed + counts.failed + counts.unreachable + counts.unpredicted + counts.unneeded ===
    0 &&
  !locked &&
  undone === 0 &&
  notReached.length === 0

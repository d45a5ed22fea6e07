import { ask, type Query } from '../facts/index.ts'
import { tidy } from '../shell/staging.ts'
import type { PlannedChange } from './scope.ts'

/** The question whether an interrupted run has left something beside a path. */
export const leftoverOf = (path: string): Query<'staged'> => ask('staged', path)

/**
 * The change that removes what an interrupted run has left beside a path: the host stopped in the middle of a change, or
 * between its last two steps. A change of the path itself may have removed it already.
 */
export const leftoverChanges = (path: string, left: boolean): PlannedChange[] =>
  left
    ? [
        {
          what: 'remove what an interrupted run has left',
          script: tidy(path),
          factsAfter: [[leftoverOf(path), false]],
        },
      ]
    : []

import type { PlannedChange } from '../../resources/scope.ts'
import type { SeenFact } from '../role/record.ts'
import { savedChange, type Digest, type SavedChange, type SavedTask } from './digests.ts'

/** A task of a fresh plan, as far as it is compared. */
export interface FreshTask {
  readonly changes: readonly PlannedChange[]
  readonly facts: readonly SeenFact[]
}

/** How a saved task and a fresh one are compared. */
export interface Terms {
  readonly digest: Digest
  /**
   * What this plan itself has changed on the host before may have altered what the task finds: only the results must be the
   * same.
   */
  readonly resultsOnly: boolean
}

/**
 * Why a task that would change its host may not do so; undefined: it is the saved one.
 *
 *     whyNot(undefined, fresh, terms)  // "the plan does not have it: it would now change: content"
 */
export function whyNot(
  saved: SavedTask | undefined,
  fresh: FreshTask,
  { digest, resultsOnly }: Terms,
): string | undefined {
  const now = wordsOf(fresh.changes)
  if (!saved) return `the plan does not have it, and it would now change: ${now}`
  const changes = fresh.changes.map(change => savedChange(change, digest))
  if (resultsOnly) {
    const planned = new Set(saved.changes.flatMap(({ results }) => results))
    if (changes.every(({ results }) => results.every(result => planned.has(result))))
      return undefined
    return `${difference(saved, now)}, after what was applied before it`
  }
  if (!sameChanges(saved.changes, changes)) return difference(saved, now)
  const before = new Map(saved.facts.map(fact => [fact.question, fact.answer]))
  const moved = fresh.facts.filter(({ saved: { question, answer } }) => {
    const then = before.get(question)
    return then !== undefined && then !== answer
  })
  if (moved.length === 0) return undefined
  return `the host has moved since the plan: ${moved.map(({ words }) => words).join(', ')}`
}

const wordsOf = (changes: readonly { readonly what: string }[]): string =>
  changes.map(({ what }) => what).join(', ')

function difference(saved: SavedTask, now: string): string {
  const then = wordsOf(saved.changes)
  return then === now
    ? `it would now make ${now} in another way than planned`
    : `planned was ${then}, now it would be ${now}`
}

const sameChanges = (a: readonly SavedChange[], b: readonly SavedChange[]): boolean =>
  a.length === b.length &&
  a.every((change, i) => {
    const other = b[i]
    return (
      other !== undefined &&
      change.way === other.way &&
      change.results.length === other.results.length &&
      change.results.every((result, n) => result === other.results[n])
    )
  })

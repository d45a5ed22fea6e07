import { Refused, type FamilyName } from '../../facts/index.ts'
import type { Remembered } from './answers.ts'

/** Facts about the host itself. Not: what is in files or links, what a role's own commands print, and marks of fmc. */
const RECORDED: ReadonlySet<FamilyName> = new Set([
  ...(['os', 'system', 'identity', 'boot', 'unit', 'deb', 'rpm', 'user', 'group'] as const),
  ...(['sysctl', 'module', 'mount', 'block'] as const),
])

/**
 * The answers that the record of a run keeps, by question: what somebody needs to know about the host later, and nothing that a
 * secret could stand in.
 *
 * @example
 * recordedFacts([{ query: ask('deb', 'haproxy'), fact: '2.6.12-1' }]) // { 'deb haproxy': '2.6.12-1' }
 */
export const recordedFacts = (known: readonly Remembered[]): Record<string, unknown> =>
  Object.fromEntries(
    known
      .filter(({ query, fact }) => RECORDED.has(query.family) && !(fact instanceof Refused))
      .map(({ query: { family, arg }, fact }) => [arg === '' ? family : `${family} ${arg}`, fact]),
  )

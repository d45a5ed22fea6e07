import { Refused, type FamilyName } from '../../facts/index.ts'
import type { Remembered } from './answers.ts'

/** Facts about the host itself. Not: what is in files or links, what a role's own commands print, and marks of fmc. */
const RECORDED: ReadonlySet<string> = new Set<FamilyName>([
  'os',
  'system',
  'identity',
  'boot',
  'unit',
  'deb',
  'rpm',
  'user',
  'group',
  'sysctl',
  'module',
  'mount',
  'block',
])

/**
 * The answers that the record of a run keeps, by question: what somebody needs to know about the host later, and nothing that a
 * secret could stand in.
 *
 * @example
 * recordedFacts([{ key: keyOf(ask('deb', 'haproxy')), fact: '2.6.12-1' }]) // { 'deb haproxy': '2.6.12-1' }
 */
export const recordedFacts = (known: readonly Remembered[]): Record<string, unknown> =>
  Object.fromEntries(
    known.flatMap(({ key, fact }) => {
      const [family = ''] = key.split(':', 1)
      const arg = key.slice(family.length + 1)
      if (!RECORDED.has(family) || fact instanceof Refused) return []
      return [[arg === '' ? family : `${family} ${arg}`, fact]]
    }),
  )

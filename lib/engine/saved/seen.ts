import { keyOf, type FamilyName, type Query } from '../../facts/index.ts'
import type { SeenFact } from '../role/record.ts'
import { savedFact, type Digest } from './digests.ts'

/** What a question of each family is about, where its name does not say it. */
const WORDS: Partial<Record<FamilyName, string>> = {
  path: 'type, owner or mode of',
  sha: 'content of',
  staged: 'what an interrupted run has left beside',
  link: 'link',
  line: 'a line of',
  unit: 'state of',
  deb: 'package',
  rpm: 'package',
  debOffer: 'what the repositories offer of',
  rpmOffer: 'what the repositories offer of',
  sysctl: 'kernel parameter',
  mount: 'what is mounted at',
  block: 'what is on',
  command: 'whether this succeeds:',
}

/** A fact as a saved plan compares it; undefined: it does not. */
export function seenFact(
  query: Query,
  fact: unknown,
  digest: Digest | undefined,
): SeenFact | undefined {
  const saved = digest && savedFact(query, fact, digest)
  if (!saved) return undefined
  const about =
    keyOf(query)
      .slice(query.family.length + 1)
      .split('\0')[0] ?? ''
  return { saved, words: `${WORDS[query.family] ?? query.family} ${about}`.trim() }
}

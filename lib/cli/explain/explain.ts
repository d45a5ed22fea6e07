import { UsageError } from '../../errors.ts'
import { nearest } from '../../text/nearest.ts'
import { ERRORS } from './errors.ts'
import { EXIT_CODES, STATES, WORDS, type Term } from './words.ts'

const TERMS: readonly Term[] = [...WORDS, ...STATES, ...EXIT_CODES]

/** What there is to say about a term or an error message. */
export type Explanation =
  | {
      readonly type: 'term'
      readonly term: string
      readonly kind: Term['kind']
      readonly meaning: string
    }
  | { readonly type: 'error'; readonly cause: string; readonly remedy: readonly string[] }

const plain = (text: string): string => text.trim().toLowerCase().replace(/s$/, '')

/**
 * Explains a word of fmc, a state of the recap, an exit code, or an error message (the whole or a part of it). Throws UsageError
 * with the nearest word for anything else.
 *
 *     explain('gate')  // [{ type: 'term', term: 'gate', kind: 'word', meaning: 'a condition …' }]
 */
export function explain(text: string): Explanation[] {
  const terms = TERMS.filter(({ names }) => names.some(name => plain(name) === plain(text)))
  if (terms.length > 0)
    return terms.map(({ names, kind, meaning }) => ({
      type: 'term',
      term: names.find(name => plain(name) === plain(text)) ?? text,
      kind,
      meaning,
    }))
  const errors = ERRORS.filter(({ message }) => message.test(text))
  if (errors.length > 0)
    return errors.map(({ cause, remedy }) => ({ type: 'error', cause, remedy }))
  const near = nearest(
    text,
    TERMS.flatMap(({ names }) => names),
  )
  throw new UsageError('fmc explain knows neither such a word nor such an error', {
    hint: near === undefined ? 'fmc explain   # lists the words' : `did you mean ${near}?`,
  })
}

/** All words, for `fmc explain` without one. */
export const allTerms = (): readonly Term[] => TERMS

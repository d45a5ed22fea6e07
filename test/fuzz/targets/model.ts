import type fc from 'fast-check'
import type { Answer, Family } from '../../../lib/facts/family.ts'

/** How a family's answer looks, written down a second time. */
export interface Model<T> {
  readonly family: Family<T>
  readonly args: readonly string[]
  readonly fact: fc.Arbitrary<T>
  /** What the script prints for these facts. */
  readonly render: (args: readonly string[], facts: readonly T[], mark: string) => Partial<Answer>
  /** Is a value, whatever the host answered, one that such a fact may have? */
  readonly domain: (fact: T) => boolean
  /** An answer cut short is never taken for a whole one. */
  readonly counted: boolean
}

export const model = <T>(m: Model<T>): Model<unknown> => m as unknown as Model<unknown>

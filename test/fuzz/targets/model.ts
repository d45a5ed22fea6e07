import fc from 'fast-check'
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

export const record: typeof fc.record = ((model: object) =>
  fc.record(model, { noNullPrototype: true })) as never

export type Models = Readonly<Record<string, Model<unknown>>>

export const id = fc.nat(70_000)
export const isId = (n: number): boolean => Number.isSafeInteger(n) && n >= 0
export const hex = (size: number): fc.Arbitrary<string> =>
  fc.nat().map(n => n.toString(16).padStart(size, 'a').slice(0, size))
export const text = (value: unknown): boolean => typeof value === 'string'
export const maybe = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | null> =>
  fc.option(value, { nil: null, freq: 3 })
export const nul = (records: readonly string[]): string => records.map(r => `${r}\0`).join('')
export const lines = (all: readonly unknown[]): string => all.map(l => `${String(l)}\n`).join('')

import { nearest, suggestion } from '../text/nearest.ts'

/** Wrong names that get a hint. Each is compared with every known name, so a hint for all of 4,000 would take minutes. */
const MOST = 50

/** The known names of one kind, with hints for wrong ones. */
export class Suggestions {
  readonly #known: Readonly<Record<string, unknown>>
  #names: readonly string[] | undefined
  readonly #otherwise: string | undefined
  #left = MOST

  /** `otherwise`: the hint for a name that resembles none; by default a list of the known names. */
  constructor(known: Readonly<Record<string, unknown>>, otherwise?: string) {
    this.#known = known
    this.#otherwise = otherwise
  }

  has(name: string): boolean {
    return Object.hasOwn(this.#known, name)
  }

  /** A hint for a name that is not known; undefined for all but the first 50. */
  for(name: string): string | undefined {
    if (this.#left-- <= 0) return undefined
    const names = (this.#names ??= Object.keys(this.#known))
    if (this.#otherwise !== undefined && nearest(name, names) === undefined) return this.#otherwise
    return suggestion(name, names)
  }
}

import { begin } from './watchdog.ts'
import { held, printable, type Target } from './harness.ts'
import { mutated } from './text.ts'

declare global {
  /** Counters of branches, and the strings of the modules that have them (scripts/counted.js). */
  var __hits: Uint8Array | undefined
  var __words: Set<string> | undefined
  var __counters: number | undefined
}

export interface GuidedOutcome {
  readonly cases: number
  readonly ms: number
  /** Inputs that live, because each reached something new. */
  readonly corpus: number
  readonly branches: number
  readonly failure?: { readonly input: string; readonly at: number; readonly error: string }
}

/** Marsaglia's xorshift: the same numbers for the same seed. */
function dice(seed: number): (sides: number) => number {
  let x = seed | 0 || 1
  return sides => {
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    return (x >>> 0) % sides
  }
}

/** Counts as AFL has them: once, twice, a few, many. */
const bucket = (hits: number): number => (hits < 4 ? hits : hits < 16 ? 4 : hits < 128 ? 5 : 6)

/**
 * Changes texts that reached something new again and again. Deterministic: the same seed and cases see the same
 * failure. Needs the counters of `npm run fuzz -- --guided`.
 */
export async function guided(
  target: Target & { readonly guided: NonNullable<Target['guided']> },
  options: { readonly seed: number; readonly cases: number },
): Promise<GuidedOutcome> {
  const hits = globalThis.__hits?.subarray(0, globalThis.__counters)
  if (hits === undefined) throw new Error('no counters: run by npm run fuzz -- --guided')
  const words = [...(globalThis.__words ?? [])]
  begin(target.name, options.seed)
  const roll = dice(options.seed)
  const start = performance.now()
  const corpus = [...target.guided.seeds]
  const seen = new Set<number>()
  const isNew = (): boolean => {
    const before = seen.size
    for (let i = 0; i < hits.length; i++) {
      const n = hits[i]
      if (n) seen.add(i * 8 + bucket(n))
    }
    return seen.size > before
  }
  const summary = (cases: number) => ({
    ...{ cases, ms: performance.now() - start, corpus: corpus.length, branches: seen.size },
  })
  for (let at = 0; at < options.cases; at++) {
    const fresh = at < target.guided.seeds.length
    const input = fresh ? (corpus[at] ?? '') : changed(corpus, words, roll)
    hits.fill(0)
    try {
      await held(target.guided.holds, input, target.guided.budgetMs)
    } catch (error) {
      const said = error instanceof Error ? (error.stack ?? error.message) : String(error)
      const failure = { input: asJson(input), at, error: printable(said) }
      return { ...summary(at + 1), failure }
    }
    if (isNew() && !fresh) corpus.push(input)
  }
  return summary(options.cases)
}

/** The very text, in ASCII. */
const asJson = (text: string): string =>
  JSON.stringify(text).replace(
    /[^ -~]/g,
    c => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )

/** One to four changes of a text that lives; newer ones more often. */
function changed(
  corpus: readonly string[],
  words: readonly string[],
  roll: (sides: number) => number,
): string {
  const late = roll(2) === 0 ? Math.max(0, corpus.length - 8) : 0
  let text = corpus[late + roll(corpus.length - late)] ?? ''
  for (let n = 1 + roll(4); n > 0; n--) {
    const way = roll(4)
    if (way === 0) {
      const at = roll(text.length + 1)
      text = text.slice(0, at) + String.fromCharCode(32 + roll(95)) + text.slice(at + 1)
    } else if (way === 1 && words.length > 0) {
      const at = roll(text.length + 1)
      text = text.slice(0, at) + (words[roll(words.length)] ?? '') + text.slice(at + roll(3))
    } else text = mutated(text, roll(2 ** 31) * 4096 + roll(4096), corpus)
  }
  return text
}

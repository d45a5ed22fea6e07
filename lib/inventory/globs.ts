import { runInNewContext } from 'node:vm'
import { UsageError } from '../errors.ts'

/** Time limit of a `~` pattern for all names together, in ms: some expressions would take years. */
const REGEX_MS = 1000

/** A longer expression can take years to compile, which no time limit interrupts. */
const LONGEST_REGEX = 200

/** Filters names. */
type Matcher = (names: readonly string[]) => readonly string[]

/** Does this term contain glob characters? */
export const isGlob = (term: string): boolean => /[*?[]/.test(term)

type Piece = '*' | ((char: string) => boolean)

/** Matches whole names against `*`, `?`, `[abc]` and `[!a-c]`, in time |glob| × |name|. Throws UsageError for a bad glob. */
export function globMatcher(glob: string): Matcher {
  const pieces = (glob.match(/\[!?[^\]]*\]|[\s\S]/g) ?? []).map((part): Piece => {
    if (part === '*') return '*'
    if (part === '?') return () => true
    if (part.length === 1) return char => char === part
    const source = part.replace(/^\[!/, '[^').replace(/\\/g, '\\\\')
    const regex = compile(source, glob)
    return char => regex.test(char)
  })
  return names => names.filter(name => fits(name, pieces))
}

/** Backtracks only to the last `*`: it can match all that an earlier one could. */
function fits(name: string, pieces: readonly Piece[]): boolean {
  let [at, piece] = [0, 0]
  let star: readonly [at: number, piece: number] | undefined
  while (at < name.length) {
    const next = pieces[piece]
    if (next === '*') {
      star = [at, ++piece]
    } else if (next?.(name[at] ?? '')) {
      at++
      piece++
    } else if (star) {
      star = [star[0] + 1, star[1]]
      ;[at, piece] = star
    } else return false
  }
  return pieces.slice(piece).every(rest => rest === '*')
}

/** Matches names from their start against `~expression`. Throws UsageError for an invalid or slow expression. */
export function regexMatcher(term: string): Matcher {
  if (term.length > LONGEST_REGEX)
    throw new UsageError(
      `a regular expression in a host pattern can have at most ${LONGEST_REGEX} characters`,
    )
  const { source } = compile(`^(?:${term.slice(1)})`, term)
  return names => {
    try {
      const found: unknown = runInNewContext(
        'names.map(name => regex.test(name))',
        { names: [...names], regex: new RegExp(source) },
        { timeout: REGEX_MS },
      )
      return names.filter((_, i) => (found as readonly boolean[])[i])
    } catch {
      throw new UsageError(`the host pattern ${term} takes too long`, {
        hint: 'write nested repetitions such as (a+)+ as one',
      })
    }
  }
}

function compile(source: string, term: string): RegExp {
  try {
    return new RegExp(source)
  } catch {
    throw new UsageError(`the host pattern ${term} is not a valid expression`)
  }
}

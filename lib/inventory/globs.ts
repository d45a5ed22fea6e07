import { runInNewContext } from 'node:vm'
import { UsageError } from '../errors.ts'

/** How long a `~` pattern may look at all names together, in ms: an unhappy expression would take years. */
const REGEX_MS = 1000

/** A longer one can take years to compile, which no limit of time interrupts. */
const LONGEST_REGEX = 200

/** Those of some names that match. */
type Matcher = (names: readonly string[]) => readonly string[]

export const isGlob = (term: string): boolean => /[*?[]/.test(term)

type Piece = '*' | ((char: string) => boolean)

/** `*`, `?`, `[abc]`, `[!a-c]` against whole names, in time that grows with both lengths and no faster. UsageError. */
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

/** Goes on after the last `*` only: what an earlier one could take, that one can take as well. */
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

/** `~expression` from the start of a name. UsageError when it is none, or takes too long. */
export function regexMatcher(term: string): Matcher {
  if (term.length > LONGEST_REGEX)
    throw new UsageError(
      `a host pattern that is a regular expression has at most ${LONGEST_REGEX} characters`,
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
        hint: 'a repetition in a repetition, such as (a+)+, can be written as one',
      })
    }
  }
}

function compile(source: string, term: string): RegExp {
  try {
    return new RegExp(source)
  } catch {
    throw new UsageError(`the host pattern ${term} is no valid expression`)
  }
}

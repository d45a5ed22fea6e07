/** A command line up to the cursor, as words. The last word is the one to complete; it may be empty. */
export interface Line {
  readonly words: readonly string[]
  /** The last word began with this quote, which is still open. */
  readonly quote?: '"' | "'" | undefined
}

/** Splits a line as a shell does: quotes and backslashes, no expansions. */
export function splitLine(line: string): Line {
  const words: string[] = []
  let word: string | undefined
  let quote: '"' | "'" | undefined
  for (let at = 0; at < line.length; at++) {
    const char = line[at] ?? ''
    if (quote !== undefined && char === quote) quote = undefined
    else if (char === '\\' && quote !== "'") word = (word ?? '') + (line[++at] ?? '')
    else if (quote !== undefined) word = (word ?? '') + char
    else if (char === '"' || char === "'") {
      quote = char
      word ??= ''
    } else if (/\s/.test(char)) {
      if (word !== undefined) words.push(word)
      word = undefined
    } else word = (word ?? '') + char
  }
  return { words: [...words, word ?? ''], quote }
}

/**
 * What bash replaces when it completes: only the part of the word after the last of its break characters ($COMP_WORDBREAKS),
 * unless the word is quoted. Removes the part before it from a candidate.
 */
export function afterBreak(candidate: string, { words, quote }: Line, breaks: string): string {
  if (quote !== undefined) return candidate
  const word = words.at(-1) ?? ''
  const last = Math.max(...Array.from(breaks, char => word.lastIndexOf(char)))
  return candidate.slice(last + 1)
}

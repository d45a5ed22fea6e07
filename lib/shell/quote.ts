/** One word for a POSIX shell: bare when harmless, else in single quotes (zx's own quote emits bash's $'…', which dash lacks). */
export const quote = (s: string): string => {
  if (s.includes('\0')) throw new TypeError('a NUL byte cannot be part of a shell word')
  return /^[\w/.:=@%+,-]+$/.test(s) ? s : `'${s.replaceAll("'", `'\\''`)}'`
}

/** Several words, each quoted. */
export const quoteAll = (words: readonly string[]): string => words.map(quote).join(' ')

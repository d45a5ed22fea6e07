/**
 * Quotes one word for a POSIX shell: unchanged when harmless, else in single quotes. (zx's own quote emits bash's $'…',
 * which dash does not know.) `$` and `probe` quote their arguments themselves.
 *
 * @throws TypeError for a NUL byte.
 *
 * @example
 * const script = `rm -f -- ${quote("/srv/it's here")}`
 */
export const quote = (s: string): string => {
  if (s.includes('\0')) throw new TypeError('a shell word cannot contain a NUL byte')
  return /^[\w/.:=@%+,-]+$/.test(s) ? s : `'${s.replaceAll("'", `'\\''`)}'`
}

/**
 * Quotes several words and joins them with blanks.
 *
 * @throws TypeError for a NUL byte.
 *
 * @example
 * const script = `cat -- ${quoteAll(['/etc/hosts', '/etc/my file'])}`
 */
export const quoteAll = (words: readonly string[]): string => words.map(quote).join(' ')

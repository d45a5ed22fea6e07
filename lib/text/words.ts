/** The first names of a list in words: `a, b, c and 5 more`. */
export const list = (names: readonly string[]): string =>
  names.length <= 4
    ? names.join(', ')
    : `${names.slice(0, 3).join(', ')} and ${names.length - 3} more`

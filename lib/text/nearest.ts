/* Pure functions on texts that know nothing else of fmc. */

/** The number of edits (insert, delete, replace, swap neighbours) that turn `a` into `b`. */
function distance(a: string, b: string): number {
  let before: number[] = []
  let above = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let row = 1; row <= a.length; row++) {
    const line = [row]
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1]
      let best = Math.min(
        (above[column] ?? 0) + 1,
        (line[column - 1] ?? 0) + 1,
        (above[column - 1] ?? 0) + (same ? 0 : 1),
      )
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1])
        best = Math.min(best, (before[column - 2] ?? 0) + 1)
      line.push(best)
    }
    before = above
    above = line
  }
  return above[b.length] ?? 0
}

/** The known name closest to `name`, if it is close enough to be a likely misspelling. */
export function nearest(name: string, known: Iterable<string>): string | undefined {
  const limit = Math.max(1, Math.floor(name.length / 3))
  let found: string | undefined
  let best = limit + 0.5
  for (const candidate of known) {
    if (Math.abs(candidate.length - name.length) > limit) continue
    // Of equally close names, prefer one with the same first letter.
    const edits =
      distance(name.toLowerCase(), candidate.toLowerCase()) - (candidate[0] === name[0] ? 0.5 : 0)
    if (edits < best) [found, best] = [candidate, edits]
  }
  return found
}

/** A hint for an unknown name: "did you mean x?", else a list of the known names; undefined: there are none. */
export function suggestion(name: string, known: Iterable<string>): string | undefined {
  const names = [...known]
  const near = nearest(name, names)
  if (near !== undefined) return `did you mean ${near}?`
  if (names.length === 0) return undefined
  return `known: ${names.slice(0, 12).join(', ')}${names.length > 12 ? ', …' : ''}`
}

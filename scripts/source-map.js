// Takes packages out of a source map: stack traces name fmc's own sources, and reading the map of 2.4 MB of packages would
// take longer than the run that failed. The format: https://tc39.es/ecma426/
const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
const VALUE = new Map([...DIGITS].map((digit, value) => [digit, value]))

/** The map of the same file, in which no position belongs to a source below node_modules. */
export function withoutPackages(map) {
  const kept = map.sources.flatMap((source, i) => (source.includes('/node_modules/') ? [] : [i]))
  const place = new Map(kept.map((old, now) => [old, now]))
  // Source, line and column of a segment are differences to the segment before it, across lines.
  const read = [0, 0, 0]
  const written = [0, 0, 0]
  let last = false
  const mappings = map.mappings.split(';').map(line => {
    let [from, to] = [0, 0]
    return line
      .split(',')
      .filter(Boolean)
      .flatMap(text => {
        const [column, ...rest] = decode(text)
        from += column
        if (rest.length === 0) return []
        for (const i of [0, 1, 2]) read[i] += rest[i]
        const source = place.get(read[0])
        // A segment without a source ends the one before it.
        if (source === undefined && !last) return []
        last = source !== undefined
        const at = last ? [source, read[1], read[2]] : []
        const segment = [from - to, ...at.map((value, i) => value - written[i])]
        to = from
        at.forEach((value, i) => (written[i] = value))
        return [segment.map(encode).join('')]
      })
      .join(',')
  })
  const of = list => list && kept.map(i => list[i])
  return {
    ...map,
    sources: of(map.sources),
    ...(map.sourcesContent && { sourcesContent: of(map.sourcesContent) }),
    names: [],
    mappings: mappings.join(';'),
  }
}

function decode(text) {
  const values = []
  let [value, shift] = [0, 0]
  for (const digit of text) {
    const bits = VALUE.get(digit)
    value += (bits & 31) << shift
    shift += 5
    if (bits & 32) continue
    values.push(value & 1 ? -(value >> 1) : value >> 1)
    ;[value, shift] = [0, 0]
  }
  return values
}

function encode(value) {
  let rest = value < 0 ? (-value << 1) | 1 : value << 1
  let text = ''
  do {
    const bits = rest & 31
    rest >>= 5
    text += DIGITS[rest > 0 ? bits | 32 : bits]
  } while (rest > 0)
  return text
}

/** The keys that a chart knows: a tree of them. `open`: what lies below is not the chart's (it passes it on whole). */
export interface Keys {
  readonly open: boolean
  readonly below: ReadonlyMap<string, Keys>
}

/** A chart's keys and where they come from, as files/charts/NAME.txt has them. */
export interface KeyList {
  readonly chart: string
  readonly version: string
  /** The pinned version, if that chart could not be had: the list is of the nearest one that could. */
  readonly inPlaceOf?: string | undefined
  /** Of the chart's values, schema and templates (scripts/charts.js). */
  readonly sha256: string
  readonly keys: Keys
}

interface Growing {
  open: boolean
  below: Map<string, Growing>
}
const node = (): Growing => ({ open: false, below: new Map() })

/**
 * Parses a list of keys: a line with name, version and sha256 (and `in place of VERSION` if the pinned chart could not be had),
 * then one key a line, two blanks deeper than the key that it lies in. ` *` after a key: what lies below is free. `*` as a key: any key. Throws Error with the line's number.
 *
 * @example
 * parseKeys('app 1.2.3 sha256:0000000000000000000000000000000000000000000000000000000000000000\nimage\n  tag\nresources *\n')
 */
export function parseKeys(text: string): KeyList {
  const [head = '', ...lines] = text.split('\n')
  const [, chart, version, sha256, inPlaceOf] =
    /^(\S+) (\S+) sha256:([0-9a-f]{64})(?: in place of (\S+))?$/.exec(head) ?? []
  if (chart === undefined || version === undefined || sha256 === undefined)
    throw new Error('line 1: expected NAME VERSION sha256:…')
  const path = [node()]
  for (const [i, line] of lines.entries()) {
    if (line === '') continue
    const [, blanks = '', key = '', star] = /^((?: {2})*)(\S.*?)( \*)?$/.exec(line) ?? []
    const depth = blanks.length / 2
    const parent = path[depth]
    if (key === '' || !parent) throw new Error(`line ${i + 2}: expected a key below the one before`)
    const own = node()
    own.open = star !== undefined
    parent.below.set(key, own)
    path.splice(depth + 1, path.length, own)
  }
  return { chart, version, sha256, inPlaceOf, keys: path[0] as Growing }
}

const isMap = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const within = (a: string, b: string): boolean =>
  a === b || a.startsWith(`${b}.`) || b.startsWith(`${a}.`)

/** The paths in `values` that a chart does not know; [] = it knows them all. helm ignores them in silence. */
export function unknownKeys(values: unknown, { open, below }: Keys, path = ''): string[] {
  if (open || !isMap(values)) return []
  return Object.entries(values).flatMap(([key, value]) => {
    if (value === undefined) return []
    const here = `${path}${path === '' ? '' : '.'}${key.includes('.') ? JSON.stringify(key) : key}`
    const known = [below.get(key), below.get('*')].flatMap(k =>
      k ? [unknownKeys(value, k, here)] : [],
    )
    const [first = [here], ...others] = known
    return first.filter(one => others.every(other => other.some(two => within(one, two))))
  })
}

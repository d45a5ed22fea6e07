import type { Span } from './lanes.ts'

/** Something to place in a column of a frame: a host or a VIP. */
export interface Item extends Span {
  readonly name: string
}

/** Where an item is in its frame: its column, and its row within its lane if it is in only one lane. */
export interface Place {
  readonly column: number
  readonly row: number
}

export interface Packed {
  readonly columns: number
  readonly places: ReadonlyMap<string, Place>
  /** Rows of each lane. */
  readonly rows: readonly number[]
}

/** How many columns hold all items of the fullest lane in one row. */
export const wish = (items: readonly Item[], lanes: number): number =>
  Math.max(1, ...counts(items, lanes))

const counts = (items: readonly Item[], lanes: number): number[] =>
  Array.from({ length: lanes }, (_, l) => items.filter(i => i.top <= l && l <= i.bottom).length)

/**
 * Places items so that no two overlap: those that span several lanes take the first columns, the others the free columns of
 * their lane, row after row. It takes more than `most` columns only if the spans need them.
 */
export function pack(items: readonly Item[], lanes: number, most: number): Packed {
  const places = new Map<string, Place>()
  /** By column: the spans in it. */
  const taken: Item[][] = []
  for (const item of items.filter(i => i.top !== i.bottom)) {
    let column = taken.findIndex(c => c.every(o => o.bottom < item.top || item.bottom < o.top))
    if (column < 0) column = taken.push([]) - 1
    taken[column]?.push(item)
    places.set(item.name, { column, row: 0 })
  }
  const single = items.filter(i => i.top === i.bottom)
  const isFree = (column: number, lane: number): boolean =>
    (taken[column] ?? []).every(o => lane < o.top || o.bottom < lane)
  const free = (lane: number, columns: number): number[] =>
    Array.from({ length: columns }, (_, c) => c).filter(c => isFree(c, lane))
  let columns = Math.max(taken.length, Math.min(most, wish(items, lanes)))
  while (single.some(i => free(i.top, columns).length === 0)) columns++
  const rows = Array.from({ length: lanes }, (_, lane) => {
    const open = free(lane, columns)
    const here = single.filter(i => i.top === lane)
    for (const [i, item] of here.entries())
      places.set(item.name, {
        column: open[i % open.length] ?? 0,
        row: Math.floor(i / open.length),
      })
    const spans = items.some(i => i.top !== i.bottom && i.top <= lane && lane <= i.bottom)
    return Math.max(spans ? 1 : 0, Math.ceil(here.length / Math.max(1, open.length)))
  })
  return { columns, places, rows }
}

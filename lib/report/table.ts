import { cleanLine } from '../text/sanitise.ts'
import { pad, width } from './width.ts'

/** Rows of cells as lines with aligned columns, harmless for a terminal. The first row says how many columns there are. */
export function table(raw: readonly (readonly string[])[]): string[] {
  const rows = raw.map(cells => cells.map(cleanLine))
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map(cells => width(cells[column] ?? ''))),
  )
  return rows.map(cells =>
    cells
      .map((cell, column) => pad(cell, widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}

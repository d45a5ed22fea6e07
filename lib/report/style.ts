import type { Status } from '../engine/events.ts'

type Paint = (text: string) => string

/** How reports colour text. Without colour every function returns its text as it is. */
export interface Style {
  readonly status: Readonly<Record<Status, Paint>>
  readonly bold: Paint
  readonly dim: Paint
  readonly add: Paint
  readonly remove: Paint
  readonly place: Paint
  readonly warning: Paint
}

const same: Paint = text => text

/** The style that prints no escape codes. */
export const noColor: Style = {
  status: { ok: same, changed: same, skipped: same, failed: same, unreachable: same },
  bold: same,
  dim: same,
  add: same,
  remove: same,
  place: same,
  warning: same,
}

/** The style for a terminal: `color` alone decides, not chalk's own guess about the terminal. */
export const createStyle = async (color: boolean): Promise<Style> => {
  if (!color) return noColor
  const { Chalk } = await import('chalk')
  const chalk = new Chalk({ level: 1 })
  // chalk prints every argument: as a callback of map() it would print the index too.
  const one =
    (paint: Paint): Paint =>
    text =>
      paint(text)
  return {
    status: {
      ok: one(chalk.green),
      changed: one(chalk.yellow),
      skipped: one(chalk.cyan),
      failed: one(chalk.red),
      unreachable: one(chalk.magenta),
    },
    bold: one(chalk.bold),
    dim: one(chalk.dim),
    add: one(chalk.green),
    remove: one(chalk.red),
    place: one(chalk.cyan),
    warning: one(chalk.yellow),
  }
}

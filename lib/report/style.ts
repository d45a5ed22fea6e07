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

/** The style for a terminal. chalk's own guess about the terminal is not asked: `color` alone decides. */
export const createStyle = async (color: boolean): Promise<Style> => {
  if (!color) return noColor
  const { Chalk } = await import('chalk')
  const chalk = new Chalk({ level: 1 })
  return {
    status: {
      ok: chalk.green,
      changed: chalk.yellow,
      skipped: chalk.cyan,
      failed: chalk.red,
      unreachable: chalk.magenta,
    },
    bold: chalk.bold,
    dim: chalk.dim,
    add: chalk.green,
    remove: chalk.red,
    place: chalk.cyan,
    warning: chalk.yellow,
  }
}

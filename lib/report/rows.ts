import { cleanLine } from '../text/sanitise.ts'
import type { Style } from './style.ts'
import type { Row, RowState } from './tree.ts'
import { pad, truncate, width } from './width.ts'
import { count, elapsed } from './words.ts'

/** What all lines of one frame share. */
export interface Look {
  readonly columns: number
  readonly now: number
  /** The sign of running work; it changes with every frame. */
  readonly spinner: string
  readonly dryRun: boolean
  /** Cells that host names take. */
  readonly column: number
  readonly style: Style
}

/** A row as a frame shows it. */
export interface ShownRow extends Row {
  /** Planned changes that are not made yet, while it runs. */
  readonly left: number
}

/** Wider lines are hard to read. */
export const WIDEST = 110
/** With fewer columns, signs replace words and tasks are shown without their role. */
const NARROW = 60

export const isNarrow = ({ columns }: Look): boolean => columns < NARROW

const MARKS: Readonly<Record<Exclude<RowState, 'running'>, string>> = {
  waiting: '·',
  ok: '✓',
  changed: '~',
  skipped: '-',
  failed: '✗',
  unreachable: '!',
}

/** States from the most to the least important to see. */
export const ORDER: readonly RowState[] = [
  'failed',
  'unreachable',
  'running',
  'changed',
  'ok',
  'skipped',
  'waiting',
]

const paint = (state: RowState, text: string, { style }: Look): string => {
  if (state === 'running') return style.bold(text)
  return state === 'waiting' ? style.dim(text) : style.status[state](text)
}

const sign = (state: RowState, look: Look): string =>
  state === 'running' ? look.spinner : MARKS[state]

/** A state's coloured sign. */
export const mark = (state: RowState, look: Look): string => paint(state, sign(state, look), look)

/** What a state is called; a row is skipped if the run did not reach it. */
const nameOf = (state: RowState): string => (state === 'skipped' ? 'not reached' : state)

/** "1 failed · 3 running · 96 ok", or "✗ 1  ⠋ 3  ✓ 96" where there is little room. */
export const summary = (rows: readonly Row[], look: Look, narrow = isNarrow(look)): string => {
  const parts = ORDER.flatMap(state => {
    const n = rows.filter(row => row.state === state).length
    if (n === 0) return []
    return [paint(state, narrow ? `${sign(state, look)} ${n}` : `${n} ${nameOf(state)}`, look)]
  })
  return parts.join(narrow ? '  ' : look.style.dim(' · '))
}

/** A line cut to the frame. */
export const fitted = (text: string, { columns }: Look): string =>
  truncate(text, Math.min(columns, WIDEST))

/** A text on the left, and one at the end of the line if both fit. */
export const spread = (left: string, right: string, look: Look): string => {
  const rest = Math.min(look.columns, WIDEST) - width(right) - 2
  if (right === '' || rest < 16) return fitted(left, look)
  return `${pad(truncate(left, rest), rest)}  ${look.style.dim(right)}`
}

const counts = ({ changed, ok, unpredicted, left }: ShownRow, { dryRun }: Look): string[] => [
  ...(changed + left > 0
    ? [
        dryRun
          ? count(changed, 'change')
          : left > 0
            ? `${changed}/${changed + left} changed`
            : `${changed} changed`,
      ]
    : []),
  ...(unpredicted > 0 ? [`${unpredicted} unpredicted`] : []),
  ...(ok > 0 ? [`${ok} ok`] : []),
]

const taskName = ({ role, task }: Row, { columns }: Look): string =>
  cleanLine(role === '' || columns < NARROW ? task : `${role} › ${task}`)

const doing = (row: ShownRow, look: Look): string => {
  const { style } = look
  const text = cleanLine(row.text)
  switch (row.state) {
    case 'running':
      return taskName(row, look) + (text === '' ? '' : style.dim(` (${text})`))
    case 'waiting':
      return style.dim(text === '' ? 'waiting' : text)
    case 'skipped':
      return style.dim(text === '' ? 'not reached' : text)
    case 'failed':
    case 'unreachable':
      return (row.task === '' ? '' : `${taskName(row, look)}: `) + paint(row.state, text, look)
    case 'ok':
    case 'changed':
      return (
        (row.isNew && look.dryRun ? 'will be created, then ' : '') + counts(row, look).join(', ')
      )
  }
}

/** The end of a host's line: how far and how long. */
const times = (row: ShownRow, look: Look): string => {
  const running = row.state === 'running'
  const idle = row.state === 'waiting' || row.state === 'skipped'
  const time = running ? look.now - row.since : idle ? 0 : row.spent
  return [
    ...(running && look.columns >= 70 ? counts(row, look).slice(0, 1) : []),
    ...(time >= 100 ? [elapsed(time)] : []),
  ].join('  ')
}

const line = (row: ShownRow, look: Look): [left: string, right: string] => {
  const { column } = look
  const name = pad(truncate(cleanLine(row.host), column), column)
  return [`  ${mark(row.state, look)} ${name}  ${doing(row, look)}`, times(row, look)]
}

/**
 * A host's line, `host  role › task (what it says)  12 s`; with `more` a second line for what a running task says, if it
 * does not fit into the first.
 */
export const hostLines = (row: ShownRow, look: Look, more: boolean): string[] => {
  const [left, right] = line(row, look)
  const room = Math.min(look.columns, WIDEST)
  const fits = width(left) + (right === '' ? 0 : width(right) + 2) <= room
  if (!more || fits || row.state !== 'running' || row.text === '')
    return [spread(left, right, look)]
  const indent = ' '.repeat(look.column + 6)
  return [
    spread(...line({ ...row, text: '' }, look), look),
    fitted(indent + look.style.dim(cleanLine(row.text)), look),
  ]
}

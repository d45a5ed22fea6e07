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

/** Wider lines are hard to read. */
const WIDEST = 110
/** With fewer columns, signs replace words and tasks are shown without their role. */
const NARROW = 60

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

/** "1 failed · 3 running · 96 ok", or "✗ 1  ⠋ 3  ✓ 96" where there is little room. */
export const summary = (rows: readonly Row[], look: Look): string => {
  const narrow = look.columns < NARROW
  const parts = ORDER.flatMap(state => {
    const n = rows.filter(row => row.state === state).length
    if (n === 0) return []
    return [paint(state, narrow ? `${sign(state, look)} ${n}` : `${n} ${state}`, look)]
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

const counts = ({ changed, ok, unpredicted }: Row, { dryRun }: Look): string[] => [
  ...(changed > 0 ? [dryRun ? count(changed, 'change') : `${changed} changed`] : []),
  ...(unpredicted > 0 ? [`${unpredicted} unpredicted`] : []),
  ...(ok > 0 ? [`${ok} ok`] : []),
]

const taskName = ({ role, task }: Row, { columns }: Look): string =>
  cleanLine(role === '' || columns < NARROW ? task : `${role} › ${task}`)

const doing = (row: Row, look: Look): string => {
  const { style } = look
  const text = cleanLine(row.text)
  switch (row.state) {
    case 'running':
      return taskName(row, look) + (text === '' ? '' : style.dim(` (${text})`))
    case 'waiting':
      return style.dim(text === '' ? 'waiting' : text)
    case 'skipped':
      return style.dim('not reached')
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

/** `host  role › task  12 s`. */
export const hostLine = (row: Row, look: Look): string => {
  const { column } = look
  const running = row.state === 'running'
  const idle = row.state === 'waiting' || row.state === 'skipped'
  const time = running ? look.now - row.since : idle ? 0 : row.spent
  const right = [
    ...(running && look.columns >= 70 ? counts(row, look).slice(0, 1) : []),
    ...(time >= 100 ? [elapsed(time)] : []),
  ].join('  ')
  const name = pad(truncate(cleanLine(row.host), column), column)
  return spread(`  ${mark(row.state, look)} ${name}  ${doing(row, look)}`, right, look)
}

import { cleanLine } from './sanitise.ts'
import type { Style } from './style.ts'
import type { PlayNode, Row, RowState, Tree } from './tree.ts'
import { pad, truncate, width } from './width.ts'
import { count, elapsed } from './words.ts'

export interface Frame {
  readonly columns: number
  /** Most lines that may be drawn; undefined when there is no limit. */
  readonly rows: number | undefined
  readonly now: number
  /** The sign of running work, changed by the caller from frame to frame. */
  readonly spinner: string
}

interface Line {
  readonly text: string
  /** The state of the row; undefined for headings. */
  readonly state?: RowState
}

const WIDEST = 110
const MARKS: Readonly<Record<RowState, string>> = {
  waiting: '·',
  running: '⠿',
  ok: '✓',
  changed: '✓',
  skipped: '-',
  failed: '✗',
  unreachable: '✗',
}
/** What is told first in a summary. */
const ORDER: readonly RowState[] = [
  'failed',
  'unreachable',
  'running',
  'changed',
  'ok',
  'skipped',
  'waiting',
]
/** What the rows of a play fold into its heading, from the roomiest view to the tightest. */
const FOLDS: readonly (readonly RowState[])[] = [
  [],
  ['ok', 'skipped'],
  ['ok', 'skipped', 'waiting'],
  ['ok', 'skipped', 'waiting', 'changed'],
]
const CLOSED = FOLDS.length - 1

const paintOf = (style: Style, state: RowState): ((text: string) => string) =>
  state === 'running' ? style.bold : state === 'waiting' ? style.dim : style.status[state]

const tally = (rows: readonly Row[]): Map<RowState, number> => {
  const found = new Map<RowState, number>()
  for (const { state } of rows) found.set(state, (found.get(state) ?? 0) + 1)
  return found
}

/** "1 failed · 3 running · 96 ok". */
const summary = (rows: readonly Row[], style: Style): string => {
  const found = tally(rows)
  return ORDER.filter(state => found.has(state))
    .map(state => paintOf(style, state)(`${found.get(state) ?? 0} ${state}`))
    .join(style.dim(' · '))
}

const stateOf = (rows: readonly Row[]): RowState => {
  const found = tally(rows)
  if (found.has('running')) return 'running'
  const begun = [...found.keys()].some(state => state !== 'waiting')
  if (found.has('waiting') && begun) return 'running'
  return ORDER.find(state => found.has(state)) ?? 'ok'
}

const mark = (state: RowState, frame: Frame, style: Style): string =>
  paintOf(style, state)(state === 'running' ? frame.spinner : MARKS[state])

/** Left text and a right one that stands at the end of the line, if there is room for both. */
const spread = (left: string, right: string, columns: number): string => {
  const room = Math.min(columns, WIDEST)
  if (right === '') return truncate(left, room)
  const rest = room - width(right) - 2
  return rest < 12 ? truncate(left, room) : `${pad(truncate(left, rest), rest)}  ${right}`
}

const counts = ({ changed, ok, unpredicted }: Row, dryRun: boolean): string[] => [
  ...(changed > 0 ? [dryRun ? count(changed, 'change') : `${changed} changed`] : []),
  ...(unpredicted > 0 ? [`${unpredicted} unpredicted`] : []),
  ...(ok > 0 ? [`${ok} ok`] : []),
]

const doing = (row: Row, tree: Tree, style: Style): string => {
  const task = row.role === '' ? row.task : `${row.role} › ${row.task}`
  const text = cleanLine(row.text)
  switch (row.state) {
    case 'running':
      return cleanLine(task) + (text === '' ? '' : style.dim(` (${text})`))
    case 'waiting':
      return style.dim(text === '' ? 'waiting' : text)
    case 'skipped':
      return style.dim('not reached')
    case 'failed':
    case 'unreachable':
      return [task === '' ? '' : `${cleanLine(task)}: `, paintOf(style, row.state)(text)].join('')
    case 'ok':
    case 'changed':
      return counts(row, tree.dryRun).join(', ')
  }
}

const hostLine = (row: Row, tree: Tree, column: number, frame: Frame, style: Style): Line => {
  const wide = frame.columns >= 70
  const running = row.state === 'running'
  const time = running ? frame.now - row.since : row.spent
  const right = [
    ...(running && wide ? counts(row, tree.dryRun).slice(0, 1) : []),
    ...(time >= 100 ? [elapsed(time)] : []),
  ].join('  ')
  const name = pad(truncate(cleanLine(row.host), column), column)
  const left = `  ${mark(row.state, frame, style)} ${name}  ${doing(row, tree, style)}`
  return { text: spread(left, style.dim(right), frame.columns), state: row.state }
}

const isQuiet = (rows: readonly Row[], fold: readonly RowState[]): boolean =>
  rows.every(({ state }) => fold.includes(state))

const heading = (
  { play }: PlayNode,
  rows: readonly Row[],
  open: boolean,
  frame: Frame,
  style: Style,
): Line => {
  const state = stateOf(rows)
  const title = cleanLine(play)
  const name = state === 'waiting' ? style.dim(title) : style.bold(title)
  const said = open ? style.dim(count(rows.length, 'host')) : summary(rows, style)
  return {
    text: truncate(
      `${mark(state, frame, style)} ${name}  ${said}`,
      Math.min(frame.columns, WIDEST),
    ),
  }
}

/** Plays in which nothing is to be seen, side by side, as one line: "✓ 5 plays done". */
const mergedPlays = (plays: readonly PlayNode[], frame: Frame, style: Style): Line => {
  const rows = plays.flatMap(one => [...one.rows.values()])
  const state = stateOf(rows)
  const text = `${mark(state, frame, style)} ${count(plays.length, 'play')}  ${summary(rows, style)}`
  return { text: truncate(text, Math.min(frame.columns, WIDEST)) }
}

const body = (tree: Tree, level: number, frame: Frame, style: Style): Line[] => {
  const fold = FOLDS[Math.min(level, CLOSED)] ?? []
  const merge = level > CLOSED
  const hosts = tree.plays.flatMap(({ rows }) => [...rows.keys()])
  const longest = Math.max(0, ...hosts.map(host => width(cleanLine(host))))
  const column = Math.min(longest, Math.floor(frame.columns * 0.35))
  const lines: Line[] = []
  let quiet: PlayNode[] = []
  const flush = (): void => {
    if (quiet.length > 0) lines.push(mergedPlays(quiet, frame, style))
    quiet = []
  }
  for (const node of tree.plays) {
    const rows = [...node.rows.values()]
    if (rows.length === 0) continue
    if (merge && isQuiet(rows, fold)) {
      quiet.push(node)
      continue
    }
    flush()
    const visible = rows.filter(({ state }) => !fold.includes(state))
    lines.push(heading(node, rows, visible.length === rows.length, frame, style))
    lines.push(...visible.map(row => hostLine(row, tree, column, frame, style)))
  }
  flush()
  return lines
}

/** The last resort: drops running hosts, then headings, then the rest, from the bottom, and says how many. */
const cut = (lines: readonly Line[], room: number, style: Style): Line[] => {
  const kept = new Set(lines)
  let hidden = 0
  for (const droppable of [(l: Line) => l.state === 'running', (l: Line) => !l.state, () => true])
    for (const line of lines.toReversed()) {
      if (kept.size < room || !kept.has(line) || !droppable(line)) continue
      kept.delete(line)
      if (line.state) hidden++
    }
  return [...kept, { text: style.dim(`  … and ${hidden} more`) }]
}

const fit = (tree: Tree, frame: Frame, style: Style): Line[] => {
  const room = frame.rows ?? Infinity
  for (let level = 0; level <= CLOSED + 1; level++) {
    const lines = body(tree, level, frame, style)
    if (lines.length <= room) return lines
    if (level > CLOSED) return cut(lines, room, style)
  }
  return []
}

const TITLES = { plan: 'Planning', apply: 'Applying', verify: 'Verifying' } as const

/** Every host once, in the worst or busiest of its rows. */
const hostsOf = (tree: Tree): Row[] => {
  const found = new Map<string, Row>()
  for (const { rows } of tree.plays)
    for (const row of rows.values()) {
      const known = found.get(row.host)
      if (!known || ORDER.indexOf(row.state) < ORDER.indexOf(known.state)) found.set(row.host, row)
    }
  return [...found.values()]
}

/** The live view: a heading with the pass and its time, then the tree; never more lines than `rows`, none wider than `columns`. */
export const liveView = (tree: Tree, frame: Frame, style: Style): string[] => {
  const rows = frame.rows ?? Infinity
  const title = tree.pass ? TITLES[tree.pass] : 'Connecting'
  const head = spread(
    `${style.bold(title)}  ${summary(hostsOf(tree), style)}`,
    style.dim(elapsed(frame.now - tree.begun)),
    frame.columns,
  )
  const message =
    tree.message === '' ? [] : [truncate(style.dim(cleanLine(tree.message)), frame.columns)]
  const room = rows - 1 - message.length
  return [
    head,
    ...fit(tree, { ...frame, rows: room }, style).map(({ text }) => text),
    ...message,
  ].slice(0, rows)
}

/** The tree as it stays on the screen: a line per play, with the hosts that failed. */
export const finalView = (tree: Tree, frame: Frame, style: Style): string[] =>
  body(tree, CLOSED, { ...frame, rows: undefined }, style).map(({ text }) => text)

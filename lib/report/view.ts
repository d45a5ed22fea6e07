import type { Look } from './rows.ts'
import { fitted, hostLine, mark, ORDER, spread, summary } from './rows.ts'
import { cleanLine } from '../text/sanitise.ts'
import type { Style } from './style.ts'
import type { Row, RowState, Tree } from './tree.ts'
import { shownState } from './tree.ts'
import { width } from './width.ts'
import { count, elapsed } from './words.ts'

export interface Frame {
  readonly columns: number
  /** Most lines that may be drawn. */
  readonly rows: number
  readonly now: number
  readonly spinner: string
}

/** A line that is drawn only if it is shown: frames must be cheap with a hundred hosts. */
interface Line {
  readonly draw: () => string
  /** The state of a host's line; undefined for headings. */
  readonly state?: RowState
}

interface Play {
  readonly title: string
  readonly rows: readonly Row[]
}

/** The states that fold into a play's heading, from the roomiest view to the tightest. */
const FOLDS: readonly (readonly RowState[])[] = [
  [],
  ['ok', 'skipped'],
  ['ok', 'skipped', 'waiting'],
  ['ok', 'skipped', 'waiting', 'changed'],
]
const TIGHTEST = FOLDS.length - 1
const TITLES = { plan: 'Planning', apply: 'Applying', verify: 'Verifying' } as const

const playsOf = (tree: Tree, now: number): Play[] =>
  tree.plays
    .map(({ play, rows }) => ({
      title: cleanLine(play),
      rows: [...rows.values()].map(row => ({ ...row, state: shownState(row, now) })),
    }))
    .filter(({ rows }) => rows.length > 0)

const lookOf = (
  tree: Tree,
  plays: readonly Play[],
  { columns, now, spinner }: Frame,
  style: Style,
): Look => {
  const names = plays.flatMap(({ rows }) => rows.map(({ host }) => width(cleanLine(host))))
  const column = Math.min(Math.max(0, ...names), Math.floor(columns * 0.35))
  return { columns, now, spinner, dryRun: tree.dryRun, column, style }
}

const stateOf = (rows: readonly Row[]): RowState => {
  const states = new Set(rows.map(({ state }) => state))
  const begun = states.has('waiting') && states.size > 1
  return begun ? 'running' : (ORDER.find(state => states.has(state)) ?? 'ok')
}

/** A play is marked running as long as one of its hosts is, even if another has failed. */
const playState = (rows: readonly Row[]): RowState =>
  rows.some(({ state }) => state === 'running') ? 'running' : stateOf(rows)

const heading = ({ title, rows }: Play, allShown: boolean, look: Look): Line => {
  const { style } = look
  const state = playState(rows)
  const name = state === 'waiting' ? style.dim(title) : style.bold(title)
  const said = allShown ? style.dim(count(rows.length, 'host')) : summary(rows, look)
  return { draw: () => fitted(`${mark(state, look)} ${name}  ${said}`, look) }
}

/** Adjacent plays without a visible host, as one line: "✓ 5 plays  12 ok". */
const merged = (plays: readonly Play[], look: Look): Line => {
  const rows = plays.flatMap(play => play.rows)
  const text = `${mark(playState(rows), look)} ${count(plays.length, 'play')}  ${summary(rows, look)}`
  return { draw: () => fitted(text, look) }
}

const playLines = (play: Play, fold: readonly RowState[], look: Look): Line[] => {
  const visible = play.rows.filter(({ state }) => !fold.includes(state))
  return [
    heading(play, visible.length === play.rows.length, look),
    ...visible.map(row => ({ draw: () => hostLine(row, look), state: row.state })),
  ]
}

const body = (plays: readonly Play[], fold: readonly RowState[], look: Look): Line[] =>
  plays.flatMap(play => playLines(play, fold, look))

/** The tightest body, with adjacent quiet plays merged. */
const tightBody = (plays: readonly Play[], look: Look): Line[] => {
  const fold = FOLDS[TIGHTEST] ?? []
  const isQuiet = ({ rows }: Play): boolean => rows.every(({ state }) => fold.includes(state))
  const runs: Play[][] = []
  for (const play of plays) {
    const last = runs.at(-1)
    if (isQuiet(play) && last?.every(isQuiet)) last.push(play)
    else runs.push([play])
  }
  return runs.flatMap(run => (run.length > 1 ? [merged(run, look)] : body(run, fold, look)))
}

/** The last resort: drops running hosts, then headings, then the rest, from the bottom; says how many hosts are missing. */
const cut = (lines: readonly Line[], room: number, look: Look): Line[] => {
  const kept = new Set(lines)
  const order = [(l: Line) => l.state === 'running', (l: Line) => !l.state, () => true]
  for (const droppable of order)
    for (const line of lines.toReversed())
      if (kept.size >= room && droppable(line)) kept.delete(line)
  const hidden = lines.filter(line => line.state && !kept.has(line)).length
  return [
    ...kept,
    { draw: () => fitted(look.style.dim(`  … and ${count(hidden, 'more host')}`), look) },
  ]
}

const fit = (plays: readonly Play[], room: number, look: Look): Line[] => {
  for (const fold of FOLDS) {
    const lines = body(plays, fold, look)
    if (lines.length <= room) return lines
  }
  const lines = tightBody(plays, look)
  return lines.length <= room ? lines : cut(lines, room, look)
}

/** Every host once, with the most important of its states. */
const hostsOf = (plays: readonly Play[]): Row[] => {
  const found = new Map<string, Row>()
  for (const row of plays.flatMap(({ rows }) => rows)) {
    const known = found.get(row.host)
    if (!known || ORDER.indexOf(row.state) < ORDER.indexOf(known.state)) found.set(row.host, row)
  }
  return [...found.values()]
}

/**
 * The live view: a heading with the pass, the hosts' states and the time, then plays with a line per host, then the
 * newest message. Never more lines than `rows`, none wider than `columns`. What does not fit is folded: first hosts that
 * are ok, then waiting ones, then changed ones, then whole plays. Running and failed hosts are cut last, and counted.
 */
export const liveView = (tree: Tree, frame: Frame, style: Style): string[] => {
  const plays = playsOf(tree, frame.now)
  const look = lookOf(tree, plays, frame, style)
  const title = style.bold(tree.pass ? TITLES[tree.pass] : 'Connecting')
  const left = `${title}  ${summary(hostsOf(plays), look)}`
  const head = spread(left, elapsed(frame.now - tree.begun), look)
  const message = tree.message === '' ? [] : [fitted(style.dim(cleanLine(tree.message)), look)]
  const lines = fit(plays, frame.rows - 1 - message.length, look)
  return [head, ...lines.map(({ draw }) => draw()), ...message].slice(0, frame.rows)
}

/** The tree as it stays on the screen when the run has ended: a line per play, and the hosts that failed. */
export const finalView = (tree: Tree, frame: Frame, style: Style): string[] => {
  const plays = playsOf(tree, frame.now)
  const look = lookOf(tree, plays, frame, style)
  return body(plays, FOLDS[TIGHTEST] ?? [], look).map(({ draw }) => draw())
}

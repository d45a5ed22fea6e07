import { estimate, type Estimate } from './estimate.ts'
import type { Look, ShownRow } from './rows.ts'
import { fitted, hostLines, isNarrow, mark, ORDER, spread, summary, WIDEST } from './rows.ts'
import { cleanLine } from '../text/sanitise.ts'
import type { Style } from './style.ts'
import type { Row, RowState, Tree } from './tree.ts'
import { shownState } from './tree.ts'
import { width } from './width.ts'
import { count, elapsed, rough } from './words.ts'

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
  readonly rows: readonly ShownRow[]
  /** How long it has run, and the host that it will wait for. */
  readonly times: string
}

/** The states that fold into a play's heading, from the roomiest view to the tightest. */
const FOLDS: readonly (readonly RowState[])[] = [
  [],
  ['ok', 'skipped'],
  ['ok', 'skipped', 'waiting'],
  ['ok', 'skipped', 'waiting', 'changed'],
]
/** With fewer rows, only one message is shown below the plays. */
const FEW_ROWS = 8
const TIGHTEST = FOLDS.length - 1
const TITLES = { plan: 'Planning', apply: 'Applying', verify: 'Verifying' } as const

/** An estimate looks at every planned task, so frames share one. */
const ESTIMATE_EVERY_MS = 1000

const estimateOf = (tree: Tree, now: number): Estimate => {
  const known = tree.estimate
  if (known && now - known.at < ESTIMATE_EVERY_MS) return known.value
  const { progress } = tree
  const value = estimate(progress.left(), progress.known, (play, host, { role, task }) => {
    const row = tree.plays.find(p => p.play === play)?.rows.get(host)
    const isNow = row?.busy && row.role === role && row.task === task
    return isNow ? now - row.since : 0
  })
  tree.estimate = { at: now, value }
  return value
}

/** How long a play has run, once that is worth a look. */
const elapsedIn = (begun: number | undefined, until: number): string[] =>
  begun === undefined || until - begun < 1000 ? [] : [elapsed(until - begun)]

const playsOf = (tree: Tree, now: number, slowest?: Estimate['slowest']): Play[] =>
  tree.plays
    .map(({ play, rows, begun, ended }) => {
      const left = tree.progress.leftIn(play)
      const waitsFor = begun === undefined || ended !== undefined ? undefined : slowest?.get(play)
      return {
        title: cleanLine(play),
        rows: [...rows.values()].map(row => ({
          ...row,
          state: shownState(row, now),
          left: left.get(row.host) ?? 0,
        })),
        times: [
          ...(waitsFor === undefined ? [] : [`slowest: ${cleanLine(waitsFor)}`]),
          ...elapsedIn(begun, ended ?? now),
        ].join('  '),
      }
    })
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

const heading = ({ title, rows, times }: Play, allShown: boolean, look: Look): Line => {
  const { style } = look
  const state = playState(rows)
  const name = state === 'waiting' ? style.dim(title) : style.bold(title)
  const said = allShown ? style.dim(count(rows.length, 'host')) : summary(rows, look)
  return { draw: () => spread(`${mark(state, look)} ${name}  ${said}`, times, look) }
}

/** Adjacent plays without a visible host, as one line: "✓ 5 plays  12 ok". */
const merged = (plays: readonly Play[], look: Look): Line => {
  const rows = plays.flatMap(play => play.rows)
  const text = `${mark(playState(rows), look)} ${count(plays.length, 'play')}  ${summary(rows, look)}`
  return { draw: () => fitted(text, look) }
}

const playLines = (play: Play, fold: readonly RowState[], look: Look, more: boolean): Line[] => {
  const visible = play.rows.filter(({ state }) => !fold.includes(state))
  return [
    heading(play, visible.length === play.rows.length, look),
    ...visible.flatMap((row): Line[] => {
      const { state } = row
      if (!more || state !== 'running')
        return [{ draw: () => hostLines(row, look, false).join(''), state }]
      const [first = '', ...rest] = hostLines(row, look, true)
      return [{ draw: () => first, state }, ...rest.map(text => ({ draw: () => text }))]
    }),
  ]
}

/** `more`: running hosts have a second line where what they do does not fit into one. */
const body = (
  plays: readonly Play[],
  fold: readonly RowState[],
  look: Look,
  more = false,
): Line[] => plays.flatMap(play => playLines(play, fold, look, more))

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
  for (const more of [true, false])
    for (const fold of FOLDS) {
      const lines = body(plays, fold, look, more)
      if (lines.length <= room) return lines
    }
  const lines = tightBody(plays, look)
  return lines.length <= room ? lines : cut(lines, room, look)
}

/** Every host once, with the most important of its states. */
const hostsOf = (plays: readonly Play[]): ShownRow[] => {
  const found = new Map<string, ShownRow>()
  for (const row of plays.flatMap(({ rows }) => rows)) {
    const known = found.get(row.host)
    if (!known || ORDER.indexOf(row.state) < ORDER.indexOf(known.state)) found.set(row.host, row)
  }
  return [...found.values()]
}

/** The first line: how far, the hosts' states, how long. Where there is little room, the states are signs; last the estimate goes. */
const headLine = (
  tree: Tree,
  begin: string,
  hosts: readonly ShownRow[],
  left: Estimate | undefined,
  look: Look,
): string => {
  const passed = elapsed(look.now - tree.begun)
  const clock = left?.ms === undefined ? passed : `${passed}, about ${rough(left.ms)} left`
  const [words = '', signs = ''] = [isNarrow(look), true].map(
    narrow => `${begin}  ${summary(hosts, look, narrow)}`,
  )
  const room = Math.min(look.columns, WIDEST)
  const fits = (text: string, time: string): boolean => width(text) + 2 + width(time) <= room
  if (fits(words, clock)) return spread(words, clock, look)
  if (fits(signs, clock)) return spread(signs, clock, look)
  return spread(fits(words, passed) ? words : signs, passed, look)
}

/**
 * The live view: a heading with the pass, how many planned changes are made, the hosts' states and the time, then plays with
 * a line per host, then the newest message. Never more lines than `rows`, none wider than `columns`. What does not fit is
 * folded: first hosts that are ok, then waiting ones, then changed ones, then whole plays. Running and failed hosts are cut
 * last, and counted.
 */
export const liveView = (tree: Tree, frame: Frame, style: Style): string[] => {
  const { now } = frame
  const { progress, pass } = tree
  const applying = pass === 'apply' && progress.isKnown && progress.total > 0
  const left = applying ? estimateOf(tree, now) : undefined
  const plays = playsOf(tree, now, left?.slowest)
  const look = lookOf(tree, plays, frame, style)
  const title = style.bold(pass ? TITLES[pass] : 'Connecting')
  const changes = isNarrow(look) ? '' : ' changes'
  const far = applying ? ` ${progress.done}/${progress.total}${changes}` : ''
  const head = headLine(tree, title + far, hostsOf(plays), left, look)
  const said = (text: string, paint: (text: string) => string): string[] =>
    text === '' ? [] : [fitted(paint(cleanLine(text)), look)]
  const below = [...said(tree.message, style.dim), ...said(tree.stopping, style.warning)].slice(
    frame.rows < FEW_ROWS ? -1 : 0,
  )
  const room = frame.rows - below.length
  const lines = fit(plays, room - 1, look)
  return [...[head, ...lines.map(({ draw }) => draw())].slice(0, room), ...below]
}

/** The tree as it stays on the screen when the run has ended: a line per play, and the hosts that failed. */
export const finalView = (tree: Tree, frame: Frame, style: Style): string[] => {
  const plays = playsOf(tree, frame.now)
  const look = lookOf(tree, plays, frame, style)
  return body(plays, FOLDS[TIGHTEST] ?? [], look).map(({ draw }) => draw())
}

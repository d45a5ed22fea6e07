import type { Event, RecapEvent } from '../engine/events.ts'
import type { Estimate, KnownMs } from './estimate.ts'
import { lastState, Progress, rowName } from './progress.ts'

export type RowState =
  'waiting' | 'running' | 'ok' | 'changed' | 'skipped' | 'failed' | 'unreachable'
type PassName = 'plan' | 'apply' | 'verify'

/** One host in one play. Times are milliseconds of the clock that `reduce` is given. */
export interface Row {
  readonly host: string
  state: RowState
  pass: PassName | undefined
  role: string
  task: string
  /** What the task says about itself, a planned count, or why it failed. */
  text: string
  /** When the current task began, or the last one ended. */
  since: number
  /** A task is running now, not only between two. */
  busy: boolean
  /** Milliseconds of the tasks that are finished. */
  spent: number
  /** The host did not exist when it was planned. */
  isNew: boolean
  ok: number
  changed: number
  unpredicted: number
}

interface PlayNode {
  readonly play: string
  readonly rows: Map<string, Row>
  /** When the play began and ended in the apply pass. */
  begun: number | undefined
  ended: number | undefined
}

/** What a run looks like at one moment: the data of the live view. */
export interface Tree {
  dryRun: boolean
  pass: PassName | undefined
  begun: number
  plays: PlayNode[]
  /** The newest message, shown below the tree while the run lasts. */
  message: string
  /** The user has asked the run to stop: what happens now. */
  stopping: string
  readonly progress: Progress
  /** The newest estimate of what is left, and when it was made. */
  estimate: { readonly at: number; readonly value: Estimate } | undefined
}

export const createTree = (now: number, known?: KnownMs): Tree => ({
  dryRun: false,
  pass: undefined,
  begun: now,
  plays: [],
  message: '',
  stopping: '',
  progress: new Progress(known),
  estimate: undefined,
})

const newRow = (host: string): Row => ({
  host,
  state: 'waiting',
  pass: undefined,
  role: '',
  task: '',
  text: '',
  since: 0,
  busy: false,
  spent: 0,
  isNew: false,
  ok: 0,
  changed: 0,
  unpredicted: 0,
})

const rowOf = (tree: Tree, play: string, host: string): Row => {
  let node = tree.plays.find(one => one.play === play)
  if (!node) tree.plays.push((node = { play, rows: new Map(), begun: undefined, ended: undefined }))
  let row = node.rows.get(host)
  if (!row) node.rows.set(host, (row = newRow(host)))
  return row
}

const rowsOf = (tree: Tree, host: string): Row[] =>
  tree.plays.flatMap(({ rows }) => rows.get(host) ?? [])

const isBad = ({ state }: Row): boolean => state === 'failed' || state === 'unreachable'

const atRest = (row: Row): RowState => (row.changed > 0 ? 'changed' : 'ok')

/** Milliseconds that a host may be idle between two tasks before it is shown as finished. */
const IDLE = 1000

/** The state to show: a row that has been idle for long has finished its play. */
export const shownState = (row: Row, now: number): RowState =>
  row.state === 'running' && !row.busy && now - row.since > IDLE ? atRest(row) : row.state

/** Ends a running row: what it did so far decides its state. */
const settle = (row: Row): void => {
  if (row.state !== 'running') return
  row.state = atRest(row)
  row.text = ''
}

const work = (row: Row, event: Extract<Event, { type: 'working' }>, now: number): void => {
  const task = event.delegatedBy === undefined ? event.task : `${event.task} on ${event.host}`
  if (row.role !== event.role || row.task !== task || !row.busy) row.since = now
  const text = lastState(event.text)
  Object.assign(row, { state: 'running', busy: true, role: event.role, task, text })
}

/** A task counts in the last pass that reports it: the apply's counts replace the plan's. */
const recount = (row: Row, pass: PassName | undefined): void => {
  if (row.pass === pass) return
  if (pass === 'apply') Object.assign(row, { ok: 0, changed: 0, unpredicted: 0, spent: 0 })
  row.pass = pass
}

const finish = (
  tree: Tree,
  row: Row,
  event: Extract<Event, { type: 'task' }>,
  now: number,
): void => {
  recount(row, tree.pass)
  if (tree.pass === 'apply') tree.progress.end(event)
  if (row.state === 'waiting' || row.state === 'ok') row.state = 'running'
  row.since = now
  row.busy = false
  row.spent += event.ms
  if (event.unpredicted) row.unpredicted++
  if (event.status === 'failed' || event.status === 'unreachable') {
    const text = event.failure?.message ?? ''
    Object.assign(row, { state: event.status, role: event.role, task: event.task, text })
    tree.progress.drop(row.host)
  } else if (tree.pass === 'verify') return
  else if (event.status === 'changed') row.changed++
  else if (event.status === 'ok') row.ok++
}

/** A host that failed or became unreachable: its current row shows that, the rows that it did not reach are skipped. */
const lose = (tree: Tree, event: Extract<Event, { type: 'host'; failure: unknown }>): void => {
  const rows = rowsOf(tree, event.host)
  tree.progress.drop(event.host)
  if (!rows.some(isBad)) {
    const at =
      rows.find(row => row.state === 'running') ??
      rows.find(row => row.state === 'waiting') ??
      rows[0]
    if (at) Object.assign(at, { state: event.state, text: event.failure.message })
  }
  for (const row of rows) {
    if (row.state === 'waiting') row.state = 'skipped'
    settle(row)
  }
}

const connect = (tree: Tree, host: string, now: number): void => {
  const row = rowsOf(tree, host)[0]
  if (row?.state !== 'waiting') return
  Object.assign(row, {
    state: 'running',
    busy: true,
    role: '',
    task: 'connecting',
    since: now,
  })
}

/** When the apply starts, rows wait for their play again, except those in which the plan found every task ok. */
const startPass = (tree: Tree, pass: PassName): void => {
  tree.pass = pass
  if (pass !== 'apply') return
  for (const row of tree.plays.flatMap(({ rows }) => [...rows.values()])) {
    // A task of the plan is another one than that of the same name in the apply.
    row.busy = false
    if (row.state !== 'changed' && (row.state !== 'ok' || row.ok > 0)) continue
    row.state = 'waiting'
    row.text = row.changed > 0 ? `${row.changed} planned` : ''
  }
}

/** The end of a pass, or of a play: a host without any event in its play had nothing to do. */
const settleAll = (tree: Tree, play?: string): void => {
  for (const node of tree.plays) {
    if (play !== undefined && node.play !== play) continue
    for (const row of node.rows.values()) {
      if (play !== undefined && row.state === 'waiting') row.state = 'running'
      settle(row)
    }
  }
}

/** The end of the run. The recap says what it did not reach; without that, a row that still waits was not reached, unless all went well. */
const conclude = (
  tree: Tree,
  { exitCode, notReached = {}, undone = {}, locked }: RecapEvent,
): void => {
  const well = exitCode === 0 || exitCode === 3
  for (const { play, rows } of tree.plays)
    for (const row of rows.values()) {
      const missed = notReached[row.host]?.includes(play) ?? false
      settle(row)
      if (isBad(row)) continue
      if (missed) {
        row.state = 'skipped'
        row.text = row.changed > 0 ? `not finished, ${row.changed} changed` : ''
      } else if (row.state === 'waiting') row.state = well ? 'ok' : 'skipped'
      const left = undone[row.host] ?? 0
      if (locked && left > 0)
        Object.assign(row, { state: 'skipped', text: `${left} planned, left undone` })
    }
}

/** A play starts or ends. The apply shows how long each takes; the plan is too short for that. */
const playEvent = (tree: Tree, event: Extract<Event, { type: 'play' }>, now: number): void => {
  const node = tree.plays.find(one => one.play === event.play)
  if (event.state === 'start') {
    if (node && tree.pass === 'apply') node.begun ??= now
    return
  }
  settleAll(tree, event.play)
  if (node?.begun !== undefined) node.ended = now
}

/** Changes the tree by one event. */
export const reduce = (tree: Tree, event: Event, now: number): void => {
  switch (event.type) {
    case 'start':
      Object.assign(tree, { dryRun: event.dryRun, begun: now })
      for (const { play, hosts } of event.plays) for (const host of hosts) rowOf(tree, play, host)
      return
    case 'note':
      tree.message = event.host === undefined ? event.text : `${event.host}: ${event.text}`
      return
    case 'pass':
      if (event.state === 'start') startPass(tree, event.pass)
      else settleAll(tree)
      return
    case 'play':
      playEvent(tree, event, now)
      return
    case 'planned':
      tree.progress.plan(event)
      tree.estimate = undefined
      return
    case 'stopping':
      tree.stopping = event.text
      return
    case 'working':
      work(rowOf(tree, event.play, rowName(event)), event, now)
      return
    case 'task':
      finish(tree, rowOf(tree, event.play, rowName(event)), event, now)
      return
    case 'host':
      if (event.state === 'connecting') connect(tree, event.host, now)
      else if (event.state === 'new') for (const row of rowsOf(tree, event.host)) row.isNew = true
      else if (event.state === 'done') rowsOf(tree, event.host).forEach(settle)
      else if ('failure' in event) lose(tree, event)
      return
    case 'recap':
      conclude(tree, event)
      return
    case 'version':
    case 'page':
      return
  }
}

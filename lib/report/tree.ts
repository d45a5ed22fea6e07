import type { Event } from '../engine/events.ts'

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
}

/** What a run looks like at one moment: the data of the live view. */
export interface Tree {
  dryRun: boolean
  pass: PassName | undefined
  begun: number
  plays: PlayNode[]
  /** The newest message, shown below the tree while the run lasts. */
  message: string
}

export const createTree = (now: number): Tree => ({
  dryRun: false,
  pass: undefined,
  begun: now,
  plays: [],
  message: '',
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
  if (!node) tree.plays.push((node = { play, rows: new Map() }))
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
  if (row.role !== event.role || row.task !== event.task || !row.busy) row.since = now
  Object.assign(row, {
    state: 'running',
    busy: true,
    role: event.role,
    task: event.task,
    text: event.text ?? '',
  })
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
  if (row.state === 'waiting' || row.state === 'ok') row.state = 'running'
  row.since = now
  row.busy = false
  row.spent += event.ms
  if (event.unpredicted) row.unpredicted++
  if (event.status === 'failed' || event.status === 'unreachable') {
    const text = event.failure?.message ?? ''
    Object.assign(row, { state: event.status, role: event.role, task: event.task, text })
  } else if (tree.pass === 'verify') return
  else if (event.status === 'changed') row.changed++
  else if (event.status === 'ok') row.ok++
}

/** A host that failed or became unreachable: its current row shows that, the rows that it did not reach are skipped. */
const lose = (tree: Tree, event: Extract<Event, { type: 'host'; failure: unknown }>): void => {
  const rows = rowsOf(tree, event.host)
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

/** The end of the run: a row that still waits was not reached, unless all went well. */
const conclude = (tree: Tree, exitCode: number): void => {
  const well = exitCode === 0 || exitCode === 3
  for (const row of tree.plays.flatMap(({ rows }) => [...rows.values()])) {
    settle(row)
    if (row.state === 'waiting') row.state = well ? 'ok' : 'skipped'
  }
}

/** Hosts whose planned changes were not made because another host is locked. */
const leave = (tree: Tree, undone: Readonly<Record<string, number>>): void => {
  for (const [host, changes] of Object.entries(undone))
    for (const row of rowsOf(tree, host).filter(r => !isBad(r)))
      Object.assign(row, { state: 'skipped', text: `${changes} planned, left undone` })
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
      if (event.state === 'end') settleAll(tree, event.play)
      return
    case 'working':
      work(rowOf(tree, event.play, event.host), event, now)
      return
    case 'task':
      finish(tree, rowOf(tree, event.play, event.host), event, now)
      return
    case 'host':
      if (event.state === 'connecting') connect(tree, event.host, now)
      else if (event.state === 'new') for (const row of rowsOf(tree, event.host)) row.isNew = true
      else if (event.state === 'done') rowsOf(tree, event.host).forEach(settle)
      else if ('failure' in event) lose(tree, event)
      return
    case 'recap':
      conclude(tree, event.exitCode)
      leave(tree, event.undone ?? {})
      return
    case 'version':
    case 'page':
      return
  }
}

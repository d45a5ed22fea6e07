/** What a dry run says about drift, host by host and role by role. */
import type { Change, Event, TaskEvent } from '../../engine/events.ts'

/** A task whose state on a host differs from the declared one. */
export interface Drift {
  readonly task: string
  /** Where the task ran, if that is not the host of the role. */
  readonly on?: string
  readonly changes: readonly Change[]
  readonly note?: string
  /** fmc reports the difference and leaves it alone. */
  readonly left?: true
  /** The plan cannot see more: it rests on an earlier change. */
  readonly estimate?: true
  readonly paths: readonly string[]
  readonly units: readonly string[]
}

/** clean: as declared. unknown: the host did not answer, or an earlier role failed there. failed: a task failed. */
export type State = 'clean' | 'drifted' | 'failed' | 'unknown'

/** One role on one host. */
export interface Cell {
  readonly host: string
  readonly role: string
  state: State
  readonly drift: Drift[]
  readonly failures: { readonly task: string; readonly message: string }[]
}

/** One host. */
export interface HostFound {
  readonly host: string
  readonly state: State
  /** Why the host is unknown. */
  readonly why?: string
  readonly hint?: string
  /** The host does not exist yet; that one will create it. */
  readonly newBy?: string
  readonly cells: readonly Cell[]
}

/** What a check has found. */
export interface Found {
  /** In the order of the run. */
  readonly hosts: readonly HostFound[]
  /** In the order of the playbook. */
  readonly roles: readonly string[]
}

/** Of one cell in a map of them. */
export const cellKey = (host: string, role: string): string => `${host}\0${role}`

/** The same difference has the same text. */
export const driftKey = ({ task, on }: Pick<Drift, 'task' | 'on'>): string => `${task}\0${on ?? ''}`

/** What would change, in words. */
export const whatOf = ({ changes, note }: Pick<Drift, 'changes' | 'note'>): string =>
  [...changes.map(c => c.what), ...(changes.length === 0 && note !== undefined ? [note] : [])].join(
    ', ',
  )

interface Lost {
  readonly state: 'unreachable' | 'failed'
  readonly message: string
  readonly hint?: string | undefined
}

/** What the events of one dry run say. A host counts as clean only where a plan was made and is empty. */
export function foundIn(events: Iterable<Event>): Found {
  const cells = new Map<string, Cell>()
  const hosts = new Map<string, Map<string, Cell>>()
  const roles = new Set<string>()
  const lost = new Map<string, Lost>()
  const created = new Map<string, string>()
  const seen = new Set<string>()
  let locked: readonly string[] = []
  let whole = false
  for (const event of events) {
    if (event.type === 'start')
      for (const play of event.plays)
        for (const host of event.hosts.filter(h => play.hosts.includes(h)))
          for (const role of play.roles) {
            roles.add(role)
            const own = hosts.get(host) ?? new Map<string, Cell>()
            hosts.set(host, own)
            const cell: Cell = { host, role, state: 'unknown', drift: [], failures: [] }
            if (own.has(role)) continue
            own.set(role, cell)
            cells.set(cellKey(host, role), cell)
          }
    if (event.type === 'host' && event.state === 'new') created.set(event.host, event.by)
    if (event.type === 'host' && (event.state === 'failed' || event.state === 'unreachable')) {
      const { message, hint } = event.failure
      lost.set(event.host, { state: event.state, message, hint })
    }
    if (event.type === 'recap') {
      whole = event.exitCode < 128
      locked = event.locked ?? []
    }
    if (event.type !== 'task') continue
    const host = event.delegatedBy ?? event.host
    const cell = cells.get(cellKey(host, event.role))
    if (!cell) continue
    seen.add(cellKey(host, event.role))
    add(cell, event)
    if (event.status === 'unreachable' && event.failure)
      lost.set(host, { state: 'unreachable', ...event.failure })
  }
  return {
    roles: [...roles],
    hosts: [...hosts].map(([host, own]) => {
      const gone = lost.get(host)
      const all = [...own.values()]
      const stopped = gone !== undefined || !whole || all.some(c => c.failures.length > 0)
      for (const cell of all)
        cell.state = stateOf(cell, stopped && !seen.has(cellKey(host, cell.role)))
      return hostFound(host, all, gone, locked.includes(host), created.get(host))
    }),
  }
}

function add(cell: Cell, event: TaskEvent): void {
  const { task, host, changes, note, status, failure } = event
  const on = event.delegatedBy === undefined ? {} : { on: host }
  const { paths = [], units = [] } = event.about ?? {}
  if (status === 'failed' || status === 'unreachable')
    cell.failures.push({ task, message: failure?.message ?? 'no reason was given' })
  else if (status === 'changed' || event.drift)
    cell.drift.push({
      ...{ task, ...on, changes, paths, units },
      ...(note === undefined ? {} : { note }),
      ...(status === 'changed' ? {} : { left: true as const }),
      ...(event.estimate ? { estimate: true as const } : {}),
    })
}

const stateOf = (cell: Cell, unknown: boolean): State =>
  cell.failures.length > 0
    ? 'failed'
    : unknown
      ? 'unknown'
      : cell.drift.length > 0
        ? 'drifted'
        : 'clean'

function hostFound(
  host: string,
  cells: readonly Cell[],
  gone: Lost | undefined,
  locked: boolean,
  newBy: string | undefined,
): HostFound {
  const has = (state: State): boolean => cells.some(c => c.state === state)
  const unknown = gone?.state === 'unreachable' || locked
  const state = unknown
    ? 'unknown'
    : gone || has('failed')
      ? 'failed'
      : has('drifted')
        ? 'drifted'
        : has('unknown')
          ? 'unknown'
          : 'clean'
  return {
    ...{ host, state, cells },
    ...(gone === undefined ? {} : { why: gone.message }),
    ...(gone?.hint === undefined ? {} : { hint: gone.hint }),
    ...(newBy === undefined ? {} : { newBy }),
  }
}

/** How many hosts are in each state, and how many tasks have drifted. */
export function totals({ hosts }: Found): Readonly<Record<State | 'tasks', number>> {
  const of = (state: State): number => hosts.filter(h => h.state === state).length
  return {
    clean: of('clean'),
    drifted: hosts.filter(hasDrift).length,
    failed: of('failed'),
    unknown: of('unknown'),
    tasks: hosts.flatMap(h => h.cells.flatMap(c => c.drift)).length,
  }
}

/** Differs anything on the host, whatever else is unknown there? */
export const hasDrift = ({ cells }: HostFound): boolean => cells.some(c => c.drift.length > 0)

import type { Counts, RecapEvent } from '../engine/events.ts'
import { cleanLine } from '../text/sanitise.ts'
import { isFine, type HostResult, resultsOf } from './results.ts'
import type { Style } from './style.ts'
import { pad, truncate, width } from './width.ts'
import { count } from './words.ts'

const STATUSES = ['ok', 'changed', 'skipped', 'failed', 'unreachable'] as const

type Column = (typeof STATUSES)[number]

/** "K3s agents", "K3s agents and 2 more plays". */
const playNames = ([first = '', ...more]: readonly string[]): string =>
  more.length === 0 ? first : `${first} and ${count(more.length, 'more play')}`

const row = (
  name: string,
  { counts, created, undone, notReached, locked }: HostResult,
  columns: readonly Column[],
  style: Style,
): string => {
  const cells = columns.map(status => {
    const cell = pad(`${status}=${counts[status]}`, status.length + 4)
    return counts[status] === 0 ? style.dim(cell) : style.status[status](cell)
  })
  const warnings = [
    ...(counts.unpredicted > 0 ? [`unpredicted=${counts.unpredicted}`] : []),
    ...(counts.unneeded > 0 ? [`unneeded=${counts.unneeded}`] : []),
    ...(locked ? ['locked'] : []),
    ...(undone > 0 ? [`undone=${undone}`] : []),
    ...(notReached.length > 0 ? [`not reached: ${cleanLine(playNames(notReached))}`] : []),
  ]
  const extra = [...(created ? ['will be created first'] : []), ...warnings.map(style.warning)]
  return [`${name} :`, ...cells, ...extra].join(' ').replace(/ +(\u001b\[[0-9;]*m)?$/, '$1')
}

/** Hosts on which nothing was done and that the run did not reach, as one line. */
const unreached = (results: readonly HostResult[], columns: number, style: Style): string[] => {
  if (results.length === 0) return []
  const names = results.map(({ host, undone }) => host + (undone > 0 ? ` (undone=${undone})` : ''))
  const text = cleanLine(`${count(results.length, 'host')} not reached: ${names.join(', ')}`)
  return [style.warning(truncate(text, columns))]
}

/**
 * One line per host, as in Ansible's recap. With `fold` (for a terminal) the hosts that are only ok become one line, those
 * that the run did not reach another one, and columns with nothing but 0 are left out. Where lines would be wider than
 * `columns`, each host shows only what is not 0.
 */
export const recapTable = (
  recap: RecapEvent,
  style: Style,
  { fold = false, columns = Infinity }: { fold?: boolean; columns?: number } = {},
): string[] => {
  const all = resultsOf(recap)
  const isIdle = ({ counts, notReached }: HostResult): boolean =>
    notReached.length > 0 && countsOf(counts) === 0
  const idle = fold ? all.filter(isIdle) : []
  const fine = fold ? all.filter(isFine) : []
  const shown = fold ? all.filter(one => !isFine(one) && !isIdle(one)) : all
  const used = STATUSES.filter(status => !fold || shown.some(({ counts }) => counts[status] > 0))
  const longest = Math.max(0, ...shown.map(({ host }) => width(cleanLine(host))))
  const lines = (only: (counts: Counts) => readonly Column[]): string[] =>
    shown.map(one => row(pad(cleanLine(one.host), longest), one, only(one.counts), style))
  const full = lines(() => used)
  const fits = full.every(line => width(line) <= columns)
  return [
    ...(fits ? full : lines(counts => used.filter(status => counts[status] > 0))),
    ...unreached(idle, columns, style),
    ...(fine.length > 0 ? [style.status.ok(`${count(fine.length, 'host')} ok`)] : []),
  ]
}

const countsOf = (counts: Counts): number => STATUSES.reduce((sum, s) => sum + counts[s], 0)

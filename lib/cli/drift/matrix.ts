import { count } from '../../report/words.ts'
import { pad, truncate, width } from '../../report/width.ts'
import { cleanLine } from '../../text/sanitise.ts'
import type { Cell, Found, HostFound } from './found.ts'

/** Columns of a terminal, unless the caller says otherwise. */
const COLUMNS = 80
/** A longer host name is cut. */
const LONGEST = 28
/** With more hosts than this, those as declared share one line. */
const ALL_UP_TO = 30

const SIGN: Readonly<Record<Exclude<Cell['state'], 'drifted'>, string>> = {
  clean: '·',
  failed: '!',
  unknown: '?',
}

/**
 * Hosts × roles as lines of text: in each place how many tasks differ. Roles are numbered; a list below names them. Roles
 * without anything to say are left out if the lines would be longer than `columns`; if there are still too many roles, the
 * matrix has several parts.
 */
export function matrix({ hosts, roles }: Found, columns = COLUMNS): string[] {
  const shown = hosts.length > ALL_UP_TO ? hosts.filter(h => h.state !== 'clean') : hosts
  const rest = hosts.length - shown.length
  const first = Math.min(LONGEST, Math.max(4, ...shown.map(h => width(cleanLine(h.host)))))
  const room = Math.max(1, Math.floor((columns - first) / 4))
  const told = roles.filter(role => shown.some(h => says(h, role)))
  const kept = roles.length <= room ? roles : told
  const number = new Map(kept.map((role, i) => [role, i + 1]))
  const lines = parts(kept, room).flatMap((some, i) => [
    ...(i === 0 ? [] : ['']),
    row(
      'host',
      some.map(role => String(number.get(role))),
      first,
    ),
    ...shown.map(h =>
      row(
        h.host,
        some.map(role => cellText(h, role)),
        first,
      ),
    ),
  ])
  const silent = roles.length - kept.length
  return [
    ...(shown.length === 0 || kept.length === 0 ? [] : lines),
    ...(rest === 0
      ? []
      : [`${count(rest, 'host')}${shown.length === 0 ? '' : ' more'}: as declared`]),
    '',
    ...(kept.length === 0 || shown.length === 0 ? [] : names([...number], columns)),
    ...(silent === 0
      ? []
      : [`${count(silent, 'role')} without a difference ${silent === 1 ? 'is' : 'are'} not shown`]),
    'N: tasks that differ   · as declared   ? unknown   ! failed',
  ]
}

const parts = (roles: readonly string[], room: number): (readonly string[])[] =>
  Array.from({ length: Math.ceil(roles.length / room) }, (_, i) =>
    roles.slice(i * room, (i + 1) * room),
  )

const cellOf = (h: HostFound, role: string): Cell | undefined => h.cells.find(c => c.role === role)

/** A host of which nothing is known has a row of its own, but keeps no column. */
const says = (h: HostFound, role: string): boolean => {
  const cell = cellOf(h, role)
  return cell !== undefined && (cell.state === 'drifted' || cell.state === 'failed')
}

function cellText(h: HostFound, role: string): string {
  const cell = cellOf(h, role)
  if (!cell) return ''
  if (cell.state !== 'drifted') return SIGN[cell.state]
  return cell.drift.length > 999 ? '>1k' : String(cell.drift.length)
}

const row = (host: string, cells: readonly string[], first: number): string =>
  `${pad(truncate(cleanLine(host), first), first)}${cells.map(c => c.padStart(4)).join('')}`.trimEnd()

/** `1 motd   2 haproxy …`, in lines of at most so many columns. */
function names(numbers: readonly (readonly [string, number])[], columns: number): string[] {
  const lines: string[] = []
  for (const [role, n] of numbers) {
    const name = truncate(`${n} ${cleanLine(role)}`, columns)
    const last = lines.at(-1)
    if (last !== undefined && width(last) + 3 + width(name) <= columns)
      lines[lines.length - 1] = `${last}   ${name}`
    else lines.push(name)
  }
  return lines
}

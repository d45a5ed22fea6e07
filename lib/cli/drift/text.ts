import { count, elapsed } from '../../report/words.ts'
import { list } from '../../text/words.ts'
import { whatOf, totals, type Drift, type Found } from './found.ts'
import { matrix } from './matrix.ts'
import type { Compared } from './since.ts'
import type { Suspects } from './suspects.ts'

/** What a check has found and learnt, for people. */
export interface Shown {
  readonly found: Found
  /** The playbook. */
  readonly name: string
  readonly ms: number
  /** With --since: every difference, compared with what was known before. */
  readonly compared?: readonly Compared[] | undefined
  readonly suspects?: readonly (Suspects | { readonly host: string; readonly why: string })[]
  readonly diff: boolean
  readonly columns: number
}

/** The whole report. */
export function reportLines(o: Shown): string[] {
  const { found, compared } = o
  return [
    headline(o),
    '',
    ...matrix(found, o.columns),
    ...(compared ? aged(compared, o.diff) : section('', entries(found), o.diff)),
    ...troubles(found),
    ...(o.suspects ?? []).flatMap(suspectLines),
  ]
}

function headline({ found, name, ms }: Shown): string {
  const t = totals(found)
  const parts = [
    t.drifted === 0
      ? 'nothing differs'
      : `${count(t.tasks, 'task')} on ${count(t.drifted, 'host')} ${t.tasks === 1 ? 'differs' : 'differ'}`,
    ...(t.failed === 0 ? [] : [`${count(t.failed, 'host')} failed`]),
    ...(t.unknown === 0 ? [] : [`${count(t.unknown, 'host')} unknown`]),
  ]
  return `Drift of ${name}: ${parts.join(', ')} (${count(found.hosts.length, 'host')}, ${elapsed(ms)})`
}

/** A difference, and where it is. */
export interface Entry {
  readonly host: string
  readonly role: string
  readonly drift: Drift
  /** Why the line is where it is. */
  readonly more?: string
}

const entries = ({ hosts }: Found): Entry[] =>
  hosts.flatMap(h =>
    h.cells.flatMap(c => c.drift.map(drift => ({ host: h.host, role: c.role, drift }))),
  )

/** Differences of a section that are shown. */
const MOST = 40

/** One line for a difference, wherever it is, with the hosts that have it. */
function section(title: string, all: readonly Entry[], diff: boolean): string[] {
  const groups = new Map<string, Entry[]>()
  for (const entry of all) {
    const key = lineOf(entry) + (diff ? diffs(entry).join('\n') : '')
    groups.set(key, [...(groups.get(key) ?? []), entry])
  }
  const lines = [...groups.values()].flatMap(group => {
    const [first] = group
    if (!first) return []
    return [
      [
        `  ${lineOf(first)}`,
        `    ${list([...new Set(group.map(e => e.host))])}`,
        ...(diff ? diffs(first) : []),
      ],
    ]
  })
  const rest = lines.length - MOST
  return lines.length === 0
    ? []
    : [
        '',
        ...(title === '' ? [] : [title]),
        ...lines.slice(0, MOST).flat(),
        ...(rest > 0 ? [`  and ${count(rest, 'task')} more; --output json has all`] : []),
      ]
}

const diffs = ({ drift }: Entry): string[] =>
  drift.changes.flatMap(({ diff = '' }) =>
    diff === ''
      ? []
      : diff
          .trimEnd()
          .split('\n')
          .map(line => `    ${line}`),
  )

/** `web: file /etc/motd: content`, and what else there is to say. */
export function lineOf({ role, drift, more }: Entry): string {
  const marks = [
    ...(drift.on === undefined ? [] : [`on ${drift.on}`]),
    ...(drift.left ? ['fmc leaves it alone'] : []),
    ...(drift.estimate ? ['estimate'] : []),
    ...(more === undefined ? [] : [more]),
  ]
  return `${role}: ${drift.task}: ${whatOf(drift)}${marks.length === 0 ? '' : ` [${marks.join('; ')}]`}`
}

const AGES = [
  ['new', 'New:'],
  ['other', 'Still different, in another way:'],
  ['first', 'Not known from before:'],
  ['known', 'Known before:'],
] as const

const aged = (all: readonly Compared[], diff: boolean): string[] =>
  AGES.flatMap(([age, title]) =>
    section(
      title,
      all
        .filter(c => c.age === age)
        .map(c => ({ ...c, ...(c.since && age !== 'known' ? { more: sinceText(c.since) } : {}) })),
      diff,
    ),
  )

/** `since 2026-11-30 17:02:11 (drift site)`. */
export const sinceText = ({ at, command }: NonNullable<Compared['since']>): string =>
  `since ${shortTime(Date.parse(at))} (${command})`

/** In the time zone of this machine: `2026-11-30 17:02:11`. */
export function shortTime(ms: number): string {
  const d = new Date(ms)
  const two = (n: number): string => String(n).padStart(2, '0')
  return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())} ${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`
}

/** Hosts that are unknown, and tasks that failed. */
function troubles({ hosts }: Found): string[] {
  const lines = hosts.flatMap(h => [
    ...(h.newBy === undefined
      ? []
      : [`  ${h.host}: it does not exist yet; ${h.newBy} will create it`]),
    ...h.cells.flatMap(c => c.failures.map(f => `  ${h.host}: ${c.role}: ${f.message}`)),
    ...(h.why === undefined || h.cells.some(c => c.failures.some(f => f.message === h.why))
      ? []
      : [
          `  ${h.host}: ${h.state === 'unknown' ? 'unknown: ' : ''}${withoutName(h.host, h.why)}`,
          ...(h.hint === undefined ? [] : [`    ${h.hint}`]),
        ]),
  ])
  return lines.length === 0 ? [] : ['', ...lines]
}

/** A message that begins with the host's name, for a line that has it. */
export const withoutName = (host: string, text: string): string =>
  text.startsWith(`${host}: `) ? text.slice(host.length + 2) : text

/** What a host's records say, or why they say nothing. */
export function suspectLines(
  s: Suspects | { readonly host: string; readonly why: string },
): string[] {
  if ('why' in s) return ['', `${s.host}: what happened there is not known: ${s.why}`]
  const clock =
    Math.abs(s.ahead) <= 5
      ? ''
      : `; its clock is ${Math.abs(s.ahead)} s ${s.ahead > 0 ? 'ahead of' : 'behind'} this one`
  const odd = s.odd === 0 ? '' : `; ${count(s.odd, 'line')} of its answer made no sense`
  return [
    '',
    `${s.host}, what its own records say${clock}${odd}:`,
    ...(s.happened.length === 0 ? ['  nothing since then'] : []),
    ...s.happened.map(
      h => `  ${h.at === undefined ? ' '.repeat(19) : shortTime(h.at * 1000)}  ${h.text}`,
    ),
  ]
}

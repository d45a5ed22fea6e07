import type { Event, Failure, NoteEvent, TaskEvent } from '../engine/events.ts'
import { cleanBlock, cleanLine } from '../text/sanitise.ts'
import type { Style } from './style.ts'

/** A failed task or host, with where it happened. */
export interface LocatedFailure {
  readonly host: string
  /** The play's host, where its role ran the task on another one. */
  readonly delegatedBy?: string | undefined
  /** Absent when the host itself failed. */
  readonly role?: string
  readonly task?: string
  readonly status: 'failed' | 'unreachable'
  readonly failure: Failure
}

/** The failure that an event reports, if it reports one. */
export const failureOf = (event: Event): LocatedFailure | undefined => {
  if (event.type === 'host' && (event.state === 'failed' || event.state === 'unreachable'))
    return { host: event.host, status: event.state, failure: event.failure }
  if (event.type !== 'task') return undefined
  if (event.status !== 'failed' && event.status !== 'unreachable') return undefined
  const { host, delegatedBy, role, task, status } = event
  const failure = event.failure ?? { message: 'no reason was given' }
  return { host, delegatedBy, role, task, status, failure }
}

/** The engine reports a task's failure again as its host's: only the first, more precise one is kept. */
export const addFailure = (all: LocatedFailure[], next: LocatedFailure | undefined): void => {
  if (!next) return
  const known = all.some(
    one =>
      [one.host, one.delegatedBy].includes(next.host) &&
      one.failure.message === next.failure.message,
  )
  if (!known) all.push(next)
}

const indented = (text: string, by: string): string[] =>
  cleanBlock(text)
    .split('\n')
    .map(line => by + line)

/** "worker1", or "worker1 → master1" for a task that worker1's role has run on master1. */
export const hostName = ({
  host,
  delegatedBy,
}: {
  readonly host: string
  readonly delegatedBy?: string | undefined
}): string => cleanLine(delegatedBy === undefined ? host : `${delegatedBy} → ${host}`)

/** Where it failed: host, role and task. */
export const failurePlace = (failed: LocatedFailure): string =>
  [hostName(failed), failed.role, failed.task]
    .filter(part => part !== undefined)
    .map(cleanLine)
    .join(' › ')

/** The cause without the names of task and host, which stand beside it. */
const causeOf = ({ host, task, failure }: LocatedFailure): string => {
  let text = failure.message.trim()
  for (const prefix of [`${host}: `, `${task ?? ''}: `, `${host}: `])
    if (text.startsWith(prefix) && text.length > prefix.length) text = text.slice(prefix.length)
  return text
}

/** The output without the lines that the cause repeats at its end. */
const outputBesides = (cause: string, output: string | undefined): string | undefined => {
  const lines = (output ?? '').trimEnd().split('\n')
  while (lines.length > 0 && cause.includes(lines.at(-1)?.trim() ?? '')) lines.pop()
  return lines.length === 0 ? undefined : lines.join('\n')
}

/** A failure in full: host and cause first, then (with `place`) role and task, the output, the command, and what to do. */
export const failureBlock = (
  failed: LocatedFailure,
  style: Style,
  { place = true } = {},
): string[] => {
  const { hint, command, output } = failed.failure
  const cause = causeOf(failed)
  const [first = '', ...rest] = indented(cause, '')
  const part = (name: string, text: string | undefined): string[] => {
    if (text === undefined || text.trim() === '') return []
    const [one = '', ...more] = indented(text, '')
    if (more.length === 0) return [`  ${style.dim(`${name}:`)} ${one}`]
    return [`  ${style.dim(`${name}:`)}`, ...[one, ...more].map(line => `    ${line}`)]
  }
  const sign = failed.status === 'failed' ? '✗' : '!'
  const task = !place || failed.task === undefined ? [] : [`${failed.role ?? ''} › ${failed.task}`]
  return [
    `${style.status[failed.status](`${sign} ${hostName(failed)}:`)} ${style.bold(first)}`,
    ...rest.map(line => `  ${line}`),
    ...task.map(text => `  ${style.dim('in:')} ${cleanLine(text)}`),
    ...part('output', outputBesides(cause, output)),
    ...part('command', command !== undefined && cause.includes(command) ? undefined : command),
    ...part('hint', hint),
  ]
}

/** A task's changes and note in words, on one line. */
export const changeWords = ({ changes, note }: TaskEvent): string =>
  cleanLine(
    [...changes.map(change => change.what), ...(note === undefined ? [] : [note])].join(', '),
  )

/** What kind of surprise a task was: "unpredicted", "predicted but not needed" or nothing. */
export const surprise = ({ unpredicted, unneeded }: TaskEvent): string | undefined =>
  unpredicted ? 'unpredicted' : unneeded ? 'predicted but not needed' : undefined

/** A note for people: "fmc: warning: storage1: …". */
export const noteLine = (note: NoteEvent): string =>
  cleanLine(
    ['fmc', note.level === 'warning' ? 'warning' : undefined, note.host, note.text]
      .filter(part => part !== undefined)
      .join(': '),
  )

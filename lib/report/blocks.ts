import type { Event, Failure, NoteEvent, TaskEvent } from '../engine/events.ts'
import { cleanBlock, cleanLine } from '../text/sanitise.ts'
import type { Style } from './style.ts'

/** A failed task or host, with where it happened. */
export interface LocatedFailure {
  readonly host: string
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
  const { host, role, task, status } = event
  return { host, role, task, status, failure: event.failure ?? { message: 'no reason was given' } }
}

/** The engine reports a task's failure again as its host's: only the first, more precise one is kept. */
export const addFailure = (all: LocatedFailure[], next: LocatedFailure | undefined): void => {
  if (!next) return
  const known = all.some(
    one => one.host === next.host && one.failure.message === next.failure.message,
  )
  if (!known) all.push(next)
}

const indented = (text: string, by: string): string[] =>
  cleanBlock(text)
    .split('\n')
    .map(line => by + line)

/** A failure in full: where, message, hint, command, output. */
export const failureBlock = (failed: LocatedFailure, style: Style): string[] => {
  const { message, hint, command, output } = failed.failure
  const where = [failed.host, failed.role, failed.task]
    .filter(part => part !== undefined)
    .map(cleanLine)
    .join(' › ')
  const paint = style.status[failed.status]
  const part = (name: string, text: string | undefined): string[] => {
    if (text === undefined || text.trim() === '') return []
    const [first = '', ...rest] = indented(text, '')
    if (rest.length === 0) return [`  ${style.dim(`${name}:`)} ${first}`]
    return [`  ${style.dim(`${name}:`)}`, ...[first, ...rest].map(line => `    ${line}`)]
  }
  return [
    `${paint(failed.status === 'failed' ? '✗ failed' : '✗ unreachable')} ${style.bold(where)}`,
    ...indented(message, '  '),
    ...part('hint', hint),
    ...part('command', command),
    ...part('output', output),
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

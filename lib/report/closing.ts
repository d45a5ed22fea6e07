import type { RecapEvent } from '../engine/events.ts'
import { cleanLine } from '../text/sanitise.ts'
import { resultsOf } from './results.ts'
import type { Style } from './style.ts'
import { count, elapsed } from './words.ts'

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0)

const isLocked = (hosts: readonly string[]): string =>
  `${hosts.join(', ')} ${hosts.length === 1 ? 'is' : 'are'} locked`

/** For a run that changed nothing because hosts are locked: which hosts, and what is left undone on the others. */
const leftUndone = (
  locked: readonly string[],
  undone: Readonly<Record<string, number>>,
): string => {
  const hosts = Object.keys(undone)
  const left =
    hosts.length === 0
      ? 'no change is planned on the others'
      : `${count(sum(Object.values(undone)), 'planned change')} on ${count(hosts.length, 'host')} (${hosts.join(', ')}) left undone`
  return `Nothing was changed, because ${isLocked(locked)}: ${left}.`
}

/** By Ctrl-C or SIGTERM. */
const isInterrupted = (exitCode: number): boolean => exitCode === 130 || exitCode === 143

/** What was done, or would be. */
const done = (recap: RecapEvent): string => {
  const total = Object.keys(recap.hosts).length
  const touched = Object.values(recap.hosts).filter(counts => counts.changed > 0).length
  const time = elapsed(recap.seconds * 1000)
  if (recap.dryRun) {
    const reached = Object.values(recap.hosts).filter(counts => counts.unreachable === 0).length
    if (total > 0 && reached === 0) return `No host was reached (${time}).`
    if (recap.changed === 0) return `Nothing would change on ${count(reached, 'host')} (${time}).`
    const created = recap.new ? `, ${count(recap.new.length, 'host')} created` : ''
    return `${count(recap.changed, 'change')} would be made on ${count(touched, 'host')}${created} (${time}).`
  }
  if (recap.changed === 0 && recap.locked) return leftUndone(recap.locked, recap.undone ?? {})
  if (recap.changed === 0) return `Changed 0 on ${count(total, 'host')} in ${time}.`
  const of = total === touched ? count(total, 'host') : `${touched} of ${count(total, 'host')}`
  return `Changed ${recap.changed} on ${of}, unpredicted ${recap.unpredicted}, in ${time}.`
}

/** What failed and what was not reached. */
const trouble = (recap: RecapEvent): string => {
  const results = resultsOf(recap)
  const unreachable = results.filter(r => r.counts.unreachable > 0).length
  const notReached = results.filter(r => r.notReached.length > 0).length
  const why = recap.stoppedBy === undefined ? '' : ` because the play ${recap.stoppedBy} failed`
  return [
    ...(recap.failed > 0 ? [`${count(recap.failed, 'task')} failed`] : []),
    ...(unreachable > 0 ? [`${count(unreachable, 'host')} unreachable`] : []),
    ...(notReached > 0 ? [`${count(notReached, 'host')} not reached${why}`] : []),
  ].join(', ')
}

/** The planned changes that were not made, of a run that made others. */
const unmade = ({ undone = {}, dryRun, locked, changed }: RecapEvent): string | undefined => {
  const total = sum(Object.values(undone))
  if (total === 0 || dryRun || (locked && changed === 0)) return undefined
  const hosts = Object.entries(undone).map(([host, n]) => `${host} ${n}`)
  return `${count(total, 'planned change')} not made: ${hosts.join(', ')}.`
}

/** What to run next, on a line of its own, so that it can be pasted. */
const next = ({ next: command, dryRun, changed, exitCode }: RecapEvent): string[] => {
  if (command === undefined) return []
  if (dryRun) return changed === 0 || isInterrupted(exitCode) ? [] : [`To make them: ${command}`]
  return exitCode === 0 ? [] : [`To continue: ${command}`]
}

/** The last sentences of a run: what was or would be done, what went wrong, what is left, and the command that continues. */
export const closing = (recap: RecapEvent, style: Style): string[] => {
  const { unneeded, unpredicted, exitCode, dryRun, locked } = recap
  const bad = trouble(recap)
  const consequence = dryRun ? ': the prediction is incomplete there' : ''
  const left = unmade(recap)
  const says = (paint: (text: string) => string, text: string | undefined): string[] =>
    text === undefined || text === '' ? [] : [paint(cleanLine(text))]
  return [
    ...says(!dryRun && unpredicted > 0 ? style.warning : style.bold, done(recap)),
    ...says(style.warning, unneeded > 0 ? `Predicted but not needed: ${unneeded}.` : undefined),
    ...says(style.status.failed, bad === '' ? undefined : `${bad}${consequence}.`),
    ...says(style.warning, left),
    ...says(
      style.warning,
      dryRun && locked
        ? `${isLocked(locked)}: until that ends, a run changes nothing on any host.`
        : undefined,
    ),
    ...says(style.warning, isInterrupted(exitCode) ? 'Interrupted.' : undefined),
    ...next(recap).flatMap(text => says(style.bold, text)),
  ]
}

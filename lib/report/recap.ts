import type { Counts, RecapEvent } from '../engine/events.ts'
import { cleanLine } from '../text/sanitise.ts'
import type { Style } from './style.ts'
import { pad, width } from './width.ts'
import { count, elapsed } from './words.ts'

const STATUSES = ['ok', 'changed', 'skipped', 'failed', 'unreachable'] as const

type Column = (typeof STATUSES)[number]

const row = (
  host: string,
  counts: Counts,
  columns: readonly Column[],
  style: Style,
  { created = false, undone = 0 }: { created?: boolean; undone?: number },
): string => {
  const cells = columns.map(status => {
    const cell = pad(`${status}=${counts[status]}`, status.length + 4)
    return counts[status] === 0 ? style.dim(cell) : style.status[status](cell)
  })
  const extra = [
    ...(counts.unpredicted > 0 ? [style.warning(`unpredicted=${counts.unpredicted}`)] : []),
    ...(counts.unneeded > 0 ? [style.warning(`unneeded=${counts.unneeded}`)] : []),
    ...(created ? ['will be created first'] : []),
    ...(undone > 0 ? [style.warning(`undone=${undone}`)] : []),
  ]
  return [`${host} :`, ...cells, ...extra].join(' ').replace(/ +(\u001b\[[0-9;]*m)?$/, '$1')
}

const isPlainOk = (counts: Counts): boolean =>
  counts.changed + counts.failed + counts.unreachable + counts.unpredicted + counts.unneeded === 0

/**
 * One line per host, as in Ansible's recap. With `fold` (for a terminal) the hosts that were only ok become one line, and
 * columns with nothing but 0 are left out. Where lines would be wider than `columns`, each host shows only what is not 0.
 */
export const recapTable = (
  recap: RecapEvent,
  style: Style,
  { fold = false, columns = Infinity }: { fold?: boolean; columns?: number } = {},
): string[] => {
  const all = Object.entries(recap.hosts)
  const created = recap.dryRun ? new Set(recap.new) : undefined
  const undone = new Map(Object.entries(recap.undone ?? {}))
  const shown = fold ? all.filter(([host, counts]) => !isPlainOk(counts) || undone.has(host)) : all
  const used = STATUSES.filter(status => !fold || shown.some(([, counts]) => counts[status] > 0))
  const longest = Math.max(0, ...shown.map(([host]) => width(cleanLine(host))))
  const lines = (only: (counts: Counts) => readonly Column[]): string[] =>
    shown.map(([host, counts]) =>
      row(pad(cleanLine(host), longest), counts, only(counts), style, {
        created: created?.has(host) ?? false,
        undone: undone.get(host) ?? 0,
      }),
    )
  const full = lines(() => used)
  const fits = full.every(line => width(line) <= columns)
  const folded = all.length - shown.length
  return [
    ...(fits ? full : lines(counts => used.filter(status => counts[status] > 0))),
    ...(folded > 0 ? [style.status.ok(`${count(folded, 'host')} ok`)] : []),
  ]
}

/** The command line without its dry-run options. */
const withoutDryRun = (command: string): string =>
  `fmc ${command.replace(/^fmc\s+/, '')}`
    .split(' ')
    .filter(word => !['--dry-run', '--check', '-C'].includes(word))
    .join(' ')

/** For a run that changed nothing because hosts are locked: which hosts, and what is left undone on the others. */
const leftUndone = (
  locked: readonly string[],
  undone: Readonly<Record<string, number>>,
): string => {
  const hosts = Object.keys(undone)
  const changes = Object.values(undone).reduce((sum, n) => sum + n, 0)
  const left =
    hosts.length === 0
      ? 'no change is planned on the others'
      : `${count(changes, 'planned change')} on ${count(hosts.length, 'host')} (${hosts.join(', ')}) left undone`
  return cleanLine(`Nothing was changed, because ${isLocked(locked)}: ${left}.`)
}

const isLocked = (hosts: readonly string[]): string =>
  `${hosts.join(', ')} ${hosts.length === 1 ? 'is' : 'are'} locked`

const done = (recap: RecapEvent, command: string): string => {
  const total = Object.keys(recap.hosts).length
  const touched = Object.values(recap.hosts).filter(counts => counts.changed > 0).length
  const time = elapsed(recap.seconds * 1000)
  if (recap.dryRun) {
    if (recap.changed === 0) return `Nothing would change on ${count(total, 'host')} (${time}).`
    const how = `${cleanLine(withoutDryRun(command))} without --dry-run makes them`
    const created = recap.new ? `, ${count(recap.new.length, 'host')} created` : ''
    return `${count(recap.changed, 'change')} would be made on ${count(touched, 'host')}${created} (${how}).`
  }
  if (recap.changed === 0 && recap.locked) return leftUndone(recap.locked, recap.undone ?? {})
  if (recap.changed === 0) return `Changed 0 on ${count(total, 'host')} in ${time}.`
  const of = total === touched ? count(total, 'host') : `${touched} of ${count(total, 'host')}`
  return `Changed ${recap.changed} on ${of}, unpredicted ${recap.unpredicted}, in ${time}.`
}

/** The closing sentences of a run: what was or would be done, then what went wrong. */
export const closing = (recap: RecapEvent, command: string, style: Style): string[] => {
  const { failed, unreachable, unneeded, unpredicted, exitCode } = recap
  const bad = [
    ...(failed > 0 ? [`${count(failed, 'task')} failed`] : []),
    ...(unreachable > 0 ? [`${count(unreachable, 'host')} unreachable`] : []),
  ].join(', ')
  const consequence = recap.dryRun ? ': the prediction is incomplete there' : ''
  const surprised = !recap.dryRun && unpredicted > 0
  return [
    surprised ? style.warning(done(recap, command)) : style.bold(done(recap, command)),
    ...(unneeded > 0 ? [style.warning(`Predicted but not needed: ${unneeded}.`)] : []),
    ...(bad === '' ? [] : [style.status.failed(`${bad}${consequence}.`)]),
    ...(recap.dryRun && recap.locked
      ? [
          style.warning(
            cleanLine(
              `${isLocked(recap.locked)}: until that ends, a run changes nothing on any host.`,
            ),
          ),
        ]
      : []),
    ...(exitCode === 130 || exitCode === 143
      ? [style.warning('Interrupted. Run the same command again: it continues from here.')]
      : []),
  ]
}

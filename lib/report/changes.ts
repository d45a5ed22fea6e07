import type { TaskEvent } from '../engine/events.ts'
import { changeWords, surprise } from './blocks.ts'
import { diffLines } from './diff-lines.ts'
import { cleanLine } from '../text/sanitise.ts'
import type { Style } from './style.ts'
import { truncate } from './width.ts'
import { count } from './words.ts'

interface ChangesOptions {
  readonly diff: boolean
  readonly columns: number
}

const entry = (event: TaskEvent, { diff }: ChangesOptions, style: Style): string[] => {
  const changed = event.status === 'changed'
  const sign = !changed ? style.dim('·') : style.status.changed(event.estimate ? '?' : '~')
  const words = [changeWords(event), style.warning(surprise(event) ?? '')]
    .filter(text => text !== '')
    .join('; ')
  const diffs = diff ? event.changes.flatMap(change => change.diff ?? []) : []
  const by = event.delegatedBy === undefined ? '' : `, for ${event.delegatedBy}`
  const name = cleanLine(`${event.role} › ${event.task}${by}`)
  return [
    `  ${sign} ${changed ? name : style.dim(name)}${words === '' ? '' : `: ${words}`}`,
    ...diffs.flatMap(text => diffLines(text, style).map(line => `      ${line}`)),
  ]
}

const title = (hosts: readonly string[], columns: number, style: Style): string => {
  const [first = '', ...others] = hosts.map(cleanLine)
  if (others.length === 0) return style.bold(first)
  const names = [first, ...others].join(', ')
  return style.bold(truncate(`${count(hosts.length, 'host')}: ${names}`, columns))
}

/**
 * The changes of each host, planned or done: `~ task: changes`, `?` for an estimate, `·` for a task that only has a note
 * (a gate that will be waited for). Hosts with equal lists share one.
 */
export const changeList = (
  events: readonly TaskEvent[],
  options: ChangesOptions,
  style: Style,
): string[] => {
  const byHost = new Map<string, string[]>()
  for (const event of events) {
    const worth =
      event.status === 'changed' ||
      surprise(event) !== undefined ||
      (event.note !== undefined && event.status !== 'failed')
    if (!worth) continue
    byHost.set(event.host, [...(byHost.get(event.host) ?? []), ...entry(event, options, style)])
  }
  const byList = new Map<string, string[]>()
  for (const [host, lines] of byHost) {
    const list = lines.join('\n')
    byList.set(list, [...(byList.get(list) ?? []), host])
  }
  return [...byList].flatMap(([list, hosts]) => [title(hosts, options.columns, style), list, ''])
}

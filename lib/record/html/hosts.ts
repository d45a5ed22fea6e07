import { isFine, type HostResult } from '../../report/results.ts'
import { count } from '../../report/words.ts'
import { markup, NONE, type Html } from './escape.ts'

/** Hosts of the table that are shown at once. */
const MANY = 30

/** What the run came to on each host; of many hosts, those that are as they should be are folded. */
export function hostTable(results: readonly HostResult[]): Html {
  const columns = ['ok', 'changed', 'skipped', 'failed', 'unreachable'] as const
  const more = (r: HostResult): string =>
    [
      ...(r.created ? ['will be created first'] : []),
      ...(r.counts.unpredicted > 0 ? [`${r.counts.unpredicted} unpredicted`] : []),
      ...(r.locked ? ['locked'] : []),
      ...(r.undone > 0 ? [`${r.undone} not made`] : []),
      ...(r.notReached.length > 0 ? [`not reached: ${r.notReached.join(', ')}`] : []),
    ].join(', ')
  const row = (r: HostResult): Html =>
    markup`<tr data-q>
      <td>${{ text: r.host }}</td>
      ${columns.map(key => markup`<td>${r.counts[key]}</td>`)}
      <td class="l">${{ text: more(r) }}</td>
    </tr>`
  const table = (some: readonly HostResult[]): Html =>
    markup`<table>
      <thead>
        <tr>
          <th>host</th>
          ${columns.map(key => markup`<th>${{ text: key }}</th>`)}
          <th class="l"></th>
        </tr>
      </thead>
      <tbody>
        ${some.map(row)}
      </tbody>
    </table>`
  if (results.length <= MANY) return table(results)
  const isBad = ({ counts, undone, notReached }: HostResult): boolean =>
    counts.failed + counts.unreachable + undone + notReached.length > 0
  const [wrong, rest] = [results.filter(isBad), results.filter(r => !isBad(r))]
  const [changed, fine] = [rest.filter(r => !isFine(r)), rest.filter(isFine)]
  const fold = (title: string, some: readonly HostResult[]): Html =>
    some.length === 0
      ? NONE
      : markup`<details>
          <summary>${{ text: `${count(some.length, 'host')} ${title}` }}</summary>
          ${table(some)}
        </details>`
  return markup`${wrong.length > 0 ? table(wrong) : NONE}${fold('changed', changed)}${fold('only ok', fine)}`
}

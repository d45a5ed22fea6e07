import { changeWords } from '../../report/blocks.ts'
import { count } from '../../report/words.ts'
import { ownerOf, type TaskLine } from '../outcomes.ts'
import { block, markup, NONE, type Html } from './escape.ts'

/** Hosts that the head of a part names. */
const NAMED = 6
/** Of one diff. */
const MOST_LINES = 300
/** Of all diffs of a page. */
const MOST_BYTES = 3 * 1024 * 1024

/** What changed, by host; hosts with the same changes share a part. `order`: all hosts; `id`: of the run, for what is left out. */
export function changes(tasks: readonly TaskLine[], order: readonly string[], id: string): Html {
  const byHost = new Map<string, TaskLine[]>()
  for (const task of tasks) {
    const has = task.status === 'changed' || task.changes.length > 0 || task.drift === true
    if (has) byHost.set(ownerOf(task), [...(byHost.get(ownerOf(task)) ?? []), task])
  }
  const same = new Map<string, { hosts: string[]; tasks: readonly TaskLine[] }>()
  for (const host of order) {
    const own = byHost.get(host)
    if (!own) continue
    const key = JSON.stringify(
      own.map(t => [t.role, t.task, t.status, t.note, t.changes, t.delegatedBy && t.host]),
    )
    const known = same.get(key)
    if (known) known.hosts.push(host)
    else same.set(key, { hosts: [host], tasks: own })
  }
  let bytes = 0
  const room = (diff: string): boolean => (bytes += diff.length) <= MOST_BYTES
  const groups = [...same.values()]
  return markup`${groups.map(({ hosts, tasks: own }) => {
    const first = hosts.slice(0, NAMED).join(', ')
    const more = hosts.length > NAMED ? ` and ${hosts.length - NAMED} more` : ''
    const names = hosts.length === 1 ? first : `${count(hosts.length, 'host')}: ${first}${more}`
    return markup`<details data-q${groups.length <= 3 ? (' open' as Html) : NONE}>
      <summary>
        <b>${{ text: names }}</b> <span class="soft">${{ text: count(own.length, 'change') }}</span>
      </summary>
      ${more === '' ? NONE : markup`<p class="soft">${{ text: hosts.join(', ') }}</p>`}
      <ul>
        ${own.map(task => entry(task, room, id))}
      </ul>
    </details>`
  })}`
}

function entry(task: TaskLine, room: (diff: string) => boolean, id: string): Html {
  const words = changeWords(task)
  const on = task.delegatedBy === undefined ? '' : ` on ${task.host}`
  const failed = task.status === 'failed' || task.status === 'unreachable' ? `, ${task.status}` : ''
  return markup`<li>
    <span class="t">${{ text: `${task.role} › ${task.task}${on}` }}</span>${
      words === '' ? NONE : markup`: ${{ text: words }}`
    }${{ text: `${task.estimate ? ' (estimate)' : ''}${task.unpredicted ? ' (unpredicted)' : ''}${failed}` }}${task.changes.map(
      ({ diff }) =>
        diff === undefined || diff === ''
          ? NONE
          : room(diff)
            ? diffPart(diff)
            : markup`<p class="soft">
                ${{ text: `The diff is left out here: fmc runs show ${id} --host ${task.host} --diff` }}
              </p>`,
    )}
  </li>`
}

const isKind = (text: string, sign: string): boolean =>
  text.startsWith(sign) && !text.startsWith(sign.repeat(3))

function diffPart(diff: string): Html {
  const all = diff.replace(/\n+$/, '').split('\n')
  const shown = all.slice(0, MOST_LINES)
  const [added, removed] = ['+', '-'].map(sign => all.filter(text => isKind(text, sign)).length)
  const kind = (text: string): Html =>
    (isKind(text, '+')
      ? 'a'
      : isKind(text, '-')
        ? 'd'
        : /^(@@|---|\+\+\+)/.test(text)
          ? 'h'
          : 'n') as Html
  const lines = shown.map(
    text => markup`<span class="${kind(text)}">${text === '' ? (' ' as Html) : block(text)}</span>`,
  )
  const more =
    all.length > shown.length
      ? [
          markup`<span class="h">… ${{ text: count(all.length - shown.length, 'more line') }}</span>`,
        ]
      : []
  return markup`<details><summary class="soft">diff, +${added ?? 0} −${removed ?? 0}</summary><pre>${[...lines, ...more]}</pre></details>`
}

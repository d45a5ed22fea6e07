import { hostName, type LocatedFailure } from '../../report/blocks.ts'
import { count } from '../../report/words.ts'
import { block, markup, NONE, type Html } from './escape.ts'

/** Hosts that failed in the same way share a part; what to do is shown for the first. */
export function failureParts(failures: readonly LocatedFailure[]): Html[] {
  const same = new Map<string, [LocatedFailure, ...LocatedFailure[]]>()
  for (const failed of failures) {
    const { message, command, output } = failed.failure
    const key = JSON.stringify([
      ...[failed.status, failed.role, failed.task, command, output],
      message.replaceAll(failed.host, ''),
    ])
    const known = same.get(key)
    if (known) known.push(failed)
    else same.set(key, [failed])
  }
  return [...same.values()].map(failurePart)
}

function failurePart(all: readonly [LocatedFailure, ...LocatedFailure[]]): Html {
  const [failed] = all
  const { message, hint, command, output } = failed.failure
  const pre = (name: string, text: string | undefined): Html =>
    text === undefined || text.trim() === ''
      ? NONE
      : markup`<p class="soft">${{ text: name }}</p><pre>${block(text)}</pre>`
  const names = all.map(hostName).join(', ')
  const who = all.length === 1 ? names : `${count(all.length, 'host')}: ${names}`
  const where = failed.task === undefined ? NONE : placePart(failed)
  return markup`<div class="fail ${{ text: failed.status }}" data-q>
    <p><b>${{ text: who }}</b> ${{ text: failed.status }}: ${block(message)}</p>
    ${where}${pre('output', output)}${pre('command', command)}${
      hint === undefined ? NONE : markup`<p>To do: <code>${block(hint)}</code></p>`
    }
  </div>`
}

const placePart = ({ role = '', task = '' }: LocatedFailure): Html =>
  markup`<p class="soft">${{ text: `${role} › ${task}` }}</p>`

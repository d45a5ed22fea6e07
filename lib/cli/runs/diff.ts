import { EXIT } from '../../errors.ts'
import {
  compare,
  isSame,
  isStrange,
  summaryOf,
  type Comparison,
  type RecordedRun,
  type Side,
  type TaskDifference,
} from '../../record/index.ts'
import { hostName } from '../../report/blocks.ts'
import { diffLines } from '../../report/diff-lines.ts'
import { createStyle, noColor, type Style } from '../../report/style.ts'
import { count } from '../../report/words.ts'
import { cleanLine } from '../../text/sanitise.ts'
import { jsonLines } from '../json-lines.ts'
import type { OutputOptions } from '../options.ts'
import { printStyled, reportTarget } from '../print.ts'
import { localTime, resultWords } from './list.ts'
import { runAt, type PlaceOptions } from './place.ts'

/** Options of `fmc runs diff`. */
export interface DiffOptions extends PlaceOptions, OutputOptions {
  readonly exitCode?: boolean
}

/** `fmc runs diff A B`. Resolves with the exit code: 3 with --exit-code, when something differs. */
export async function diffRuns(wordA: string, wordB: string, o: DiffOptions): Promise<number> {
  const [a, b] = [runAt(o, wordA), runAt(o, wordB)]
  const found = compare(a.read(), b.read())
  if (o.output === 'json')
    jsonLines([
      { type: 'diff', a: a.run.id, b: b.run.id, same: isSame(found) },
      ...found.onlyInA.map(host => ({ type: 'host', host, only: 'a' })),
      ...found.onlyInB.map(host => ({ type: 'host', host, only: 'b' })),
      ...found.lost.map(lost => ({ type: 'host', ...lost })),
      ...found.tasks.map(task => ({ type: 'task', ...task })),
      {
        type: 'end',
        exitCodes: found.exitCodes,
        tasks: found.tasks.length,
        equal: found.same,
        apart: found.apart,
      },
    ])
  else {
    const lines = comparisonLines(a, b, found, await createStyle(reportTarget().color))
    printStyled(lines)
  }
  return o.exitCode && !isSame(found) ? EXIT.pending : EXIT.ok
}

/** A comparison in words, clean for a terminal. Hosts with the same differences share a block. */
export function comparisonLines(
  a: RecordedRun,
  b: RecordedRun,
  found: Comparison,
  style: Style = noColor,
): string[] {
  const head = (sign: string, recorded: RecordedRun): string => {
    const { run } = recorded
    return cleanLine(
      `${sign} ${run.id}  ${localTime(run.begin)}  ${run.command}  ${resultWords(summaryOf(recorded, 0))}`,
    )
  }
  const only = (name: string, hosts: readonly string[]): string[] =>
    hosts.length === 0
      ? []
      : [cleanLine(`only in ${name}: ${count(hosts.length, 'host')}: ${hosts.join(', ')}`)]
  const [codeA, codeB] = found.exitCodes
  return [
    style.remove(head('-', a)),
    style.add(head('+', b)),
    '',
    ...only('the first', found.onlyInA),
    ...only('the second', found.onlyInB),
    ...(codeA === codeB ? [] : [`exit code: ${codeA ?? 'none'} → ${codeB ?? 'none'}`]),
    ...found.lost.flatMap(lost => [
      style.bold(cleanLine(lost.host)),
      ...sideLine('-', lost.a ?? 'took part', style.remove),
      ...sideLine('+', lost.b ?? 'took part', style.add),
    ]),
    ...taskBlocks(found.tasks, style),
    ...(isStrange(found) ? ['The two runs have no task in common.'] : []),
    isSame(found)
      ? `They are the same: ${count(found.same, 'task')} came to the same.`
      : `${count(found.tasks.length, 'task')} ${found.tasks.length === 1 ? 'differs' : 'differ'}, ${found.same} came to the same.`,
    ...(found.apart[0] + found.apart[1] === 0
      ? []
      : [
          `Not compared, because only one of them has them, and they changed nothing there: ${found.apart[0]} of the first, ${found.apart[1]} of the second.`,
        ]),
  ]
}

function taskBlocks(tasks: readonly TaskDifference[], style: Style): string[] {
  const byHost = new Map<string, string[]>()
  for (const task of tasks) {
    const name = hostName(task)
    byHost.set(name, [...(byHost.get(name) ?? []), ...taskLines(task, style)])
  }
  const byText = new Map<string, string[]>()
  for (const [host, lines] of byHost) {
    const text = lines.join('\n')
    byText.set(text, [...(byText.get(text) ?? []), host])
  }
  return [...byText].flatMap(([text, hosts]) => [
    style.bold(
      hosts.length === 1 ? (hosts[0] ?? '') : `${count(hosts.length, 'host')}: ${hosts.join(', ')}`,
    ),
    text,
    '',
  ])
}

const sideLine = (sign: string, text: string, paint: (text: string) => string): string[] => [
  paint(`    ${sign} ${cleanLine(text)}`),
]

function taskLines({ role, task, a, b }: TaskDifference, style: Style): string[] {
  const diffs = (side: Side | undefined): string[] =>
    (side?.changes ?? []).flatMap(({ diff }) => (diff === undefined ? [] : [diff]))
  const same = JSON.stringify(diffs(a)) === JSON.stringify(diffs(b))
  const shown = (side: Side | undefined): string[] =>
    same ? [] : diffs(side).flatMap(diff => diffLines(diff, style).map(line => `        ${line}`))
  return [
    `  ${cleanLine(`${role} › ${task}`)}`,
    ...sideLine('-', sideWords(a), style.remove),
    ...shown(a),
    ...sideLine('+', sideWords(b), style.add),
    ...shown(b),
  ]
}

/** "changed: content, mode 0600 → 0644", "failed: file /x: …". */
function sideWords(side: Side | undefined): string {
  if (!side) return 'not in this run'
  const { status, changes, note, failure } = side
  const words = [
    ...changes.map(({ what }) => what),
    ...(note === undefined ? [] : [note]),
    ...(failure === undefined ? [] : [failure.message]),
  ]
  return words.length === 0 ? status : `${status}: ${words.join(', ')}`
}

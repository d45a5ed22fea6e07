import { EXIT } from '../../errors.ts'
import { recordedRuns, summaryOf, type RunSummary } from '../../record/index.ts'
import { table } from '../../report/table.ts'
import { count, elapsed } from '../../report/words.ts'
import { jsonLines } from '../json-lines.ts'
import { positive, type OutputOptions } from '../options.ts'
import { print } from '../print.ts'
import { placeOf, type PlaceOptions } from './place.ts'

/** Options of `fmc runs`. */
export interface ListOptions extends PlaceOptions, OutputOptions {
  readonly limit: string
}

/** `fmc runs`. Resolves with the exit code. */
export function listRuns(o: ListOptions): Promise<number> {
  const limit = positive('--limit', o.limit)
  const dir = placeOf(o)
  const found: RunSummary[] = []
  let more = 0
  for (const recorded of recordedRuns(dir))
    if (found.length < limit) found.push(summaryOf(recorded, found.length + 1))
    else more++
  if (o.output === 'json') jsonLines(found.map(summary => ({ type: 'run', ...summary })))
  else print(listText(found, more, dir, o.lab))
  return Promise.resolve(EXIT.ok)
}

/** A line per run, newest first. */
export function listText(
  found: readonly RunSummary[],
  more: number,
  dir: string,
  lab = false,
): string {
  if (found.length === 0)
    return `no run is recorded in ${dir}${lab ? '' : '\n  fmc runs --lab   # the runs of the lab'}`
  const head = ['', 'id', 'begin', 'command', 'by', 'result', 'duration']
  const rows = found.map(run => [
    String(run.number),
    run.id,
    localTime(run.begin),
    run.command,
    run.who,
    resultWords(run),
    run.seconds === undefined ? '' : elapsed(run.seconds * 1000),
  ])
  return [
    ...table([head, ...rows]),
    ...(more > 0
      ? [`… and ${count(more, 'older run')}: fmc runs --limit ${found.length + more}`]
      : []),
  ].join('\n')
}

/** "2026-11-30 17:40:05", in the time zone of this machine. */
export function localTime(iso: string): string {
  const date = new Date(iso)
  const two = (n: number): string => String(n).padStart(2, '0')
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join('-')
  return `${day} ${[date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':')}`
}

/** "exit 2: 3 changed, 1 failed on 4 hosts", "dry run, exit 0: 3 would change on 1 host", "no end". */
export function resultWords(run: Omit<RunSummary, 'number'>): string {
  const { counts, hosts = 0, dryRun, exitCode, state } = run
  const parts = counts && [
    ...(counts.changed > 0 ? [`${counts.changed} ${dryRun ? 'would change' : 'changed'}`] : []),
    ...(counts.failed > 0 ? [`${counts.failed} failed`] : []),
    ...(counts.unreachable > 0 ? [`${counts.unreachable} unreachable`] : []),
  ]
  const done =
    parts === undefined
      ? ''
      : `${parts.length > 0 ? parts.join(', ') : dryRun ? 'nothing would change' : 'nothing changed'} on ${count(hosts, 'host')}`
  const how = { ended: `exit ${exitCode ?? '?'}`, running: 'running', killed: 'no end' }[state]
  return `${dryRun ? 'dry run, ' : ''}${[how, done].filter(text => text !== '').join(': ')}`
}

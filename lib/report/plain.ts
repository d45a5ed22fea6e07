import type { Event, TaskEvent } from '../engine/events.ts'
import type { LocatedFailure } from './blocks.ts'
import {
  addFailure,
  changeWords,
  failureBlock,
  failureOf,
  failurePlace,
  hostName,
  noteLine,
  surprise,
} from './blocks.ts'
import { diffLines } from './diff-lines.ts'
import { closing } from './closing.ts'
import { recapTable } from './recap.ts'
import { cleanLine } from '../text/sanitise.ts'
import type { Style } from './style.ts'
import { createStyle } from './style.ts'
import { pageLines } from './page.ts'
import type { Report, ReportOptions } from './types.ts'
import { count, elapsed } from './words.ts'
import { createWriter } from './writer.ts'

/** `play | host | role | task | status`, then what changed and how long it took. */
const taskLine = (event: TaskEvent, dryRun: boolean, style: Style): string => {
  const { play, role, task, status } = event
  const word = dryRun && status === 'changed' ? 'would change' : status
  const details = [
    changeWords(event),
    event.estimate ? 'estimate' : '',
    style.warning(surprise(event) ?? ''),
    dryRun ? '' : elapsed(event.ms),
  ].filter(text => text !== '')
  return [
    ...[cleanLine(play), hostName(event), cleanLine(role), cleanLine(task)],
    style.status[status](word),
    ...(details.length > 0 ? [details.join('; ')] : []),
  ].join(' | ')
}

const indent = (lines: readonly string[], by: string): string[] => lines.map(line => by + line)

/** Plain lines for logs and pipes: what changed or failed as it happens, then the recap and where something failed. */
export const createPlain = async (
  options: ReportOptions & {
    /** What becomes of a text before it is printed. */
    readonly shown?: (text: string) => string
  },
): Promise<Report> => {
  const { shown: made = (text: string): string => text } = options
  const style = await createStyle(options.color)
  const out = createWriter(options.stdout)
  const people = createWriter(options.stderr)
  const failures: LocatedFailure[] = []
  let dryRun = false
  let planning = false
  let readOnly = false
  let hasPage = false

  const print = (lines: readonly string[]): void => {
    if (lines.length > 0) out.write(`${made(lines.join('\n'))}\n`)
  }
  /** A run shows what it changes when it is done: of its plan only failures and drift are shown. */
  const shown = (event: TaskEvent): boolean => {
    if (event.status === 'failed' || event.status === 'unreachable') return true
    // A difference that the task leaves alone: show it in every report.
    if (event.drift) return true
    if (planning && !dryRun && event.status === 'changed') return false
    return options.verbose || event.status === 'changed' || surprise(event) !== undefined
  }
  const task = (event: TaskEvent): void => {
    if (!shown(event)) return
    const diffs = options.diff ? event.changes.flatMap(change => change.diff ?? []) : []
    print([
      taskLine(event, dryRun, style),
      ...diffs.flatMap(diff => indent(diffLines(diff, style), '    ')),
    ])
  }
  const failure = (event: Event): void => {
    const failed = failureOf(event)
    const before = failures.length
    addFailure(failures, failed)
    if (failed && failures.length > before)
      print(
        event.type === 'task'
          ? indent(failureBlock(failed, style, { place: false }), '    ')
          : failureBlock(failed, style),
      )
  }
  return {
    on(event) {
      if (event.type === 'note')
        (event.level === 'warning' ? people : out).write(`${made(noteLine(event))}\n`)
      else if (event.type === 'start') {
        dryRun = event.dryRun
        readOnly = event.readOnly ?? false
      } else if (event.type === 'page') {
        hasPage = true
        print(['', ...pageLines(event, style)])
      } else if (event.type === 'stopping')
        people.write(`${made(`fmc: ${cleanLine(event.text)}`)}\n`)
      else if (readOnly && (hasPage || event.type !== 'recap')) return
      else if (event.type === 'pass') {
        planning = event.pass === 'plan' && event.state === 'start'
        if (event.state === 'start') print([`== ${event.pass}`])
      } else if (event.type === 'play' && event.state === 'start')
        print([`== play ${cleanLine(event.play)}, ${count(event.hosts.length, 'host')}`])
      else if (event.type === 'host' && event.state === 'new')
        print([
          `${cleanLine(event.host)} does not exist yet: ${cleanLine(event.by)} will create it`,
        ])
      else if (event.type === 'task') task(event)
      else if (event.type === 'recap')
        print([
          '',
          ...recapTable(event, style),
          ...failures.map(one => style.status[one.status](`${one.status}: ${failurePlace(one)}`)),
          ...closing(event, style),
        ])
      failure(event)
    },
    async end() {
      await Promise.all([out.end(), people.end()])
    },
  }
}

import type { RecapEvent, TaskEvent } from '../../engine/events.ts'
import { EXIT, UsageError } from '../../errors.ts'
import {
  hostsOf,
  NO_END,
  outcomesOf,
  ownerOf,
  summaryOf,
  whoRan,
  type EventLine,
  type RecordedRun,
  type RunContent,
} from '../../record/index.ts'
import {
  addFailure,
  failureBlock,
  failureOf,
  noteLine,
  type LocatedFailure,
} from '../../report/blocks.ts'
import { changeList } from '../../report/changes.ts'
import { closing } from '../../report/closing.ts'
import { pageLines } from '../../report/page.ts'
import { recapTable } from '../../report/recap.ts'
import { createStyle, noColor, type Style } from '../../report/style.ts'
import { table } from '../../report/table.ts'
import { count, elapsed } from '../../report/words.ts'
import { quoteAll } from '../../shell/quote.ts'
import { suggestion } from '../../text/nearest.ts'
import { cleanLine, safeJson } from '../../text/sanitise.ts'
import { jsonLines } from '../json-lines.ts'
import type { OutputOptions } from '../options.ts'
import { printStyled, reportTarget } from '../print.ts'
import { localTime, resultWords } from './list.ts'
import { runAt, type PlaceOptions } from './place.ts'
import { timingLines } from './timing.ts'

/** What `fmc runs show` shows of a run. */
export interface Shown {
  readonly host?: readonly string[]
  readonly changed?: boolean
  readonly diff?: boolean
  readonly facts?: boolean
  readonly timing?: boolean
}

/** Options of `fmc runs show`. */
export interface ShowOptions extends Shown, PlaceOptions, OutputOptions {}

/** `fmc runs show RUN`. Resolves with the exit code. */
export async function showRun(word: string, o: ShowOptions): Promise<number> {
  const recorded = runAt(o, word)
  const content = recorded.read()
  const hosts = chosenHosts(content, o.host)
  if (o.output === 'json') {
    const { events, end } = content
    jsonLines([
      { ...recorded.run, ran: recorded.fmc },
      ...events.filter(event => isShown(event, hosts, o)),
      ...(end ? [end] : []),
    ])
    return EXIT.ok
  }
  const { color, columns } = reportTarget()
  const lines = runLines(recorded, content, o, await createStyle(color), columns)
  printStyled(lines)
  return EXIT.ok
}

/** Throws UsageError for a name that the run does not have; undefined: all. */
function chosenHosts(
  { events }: RunContent,
  names: readonly string[] | undefined,
): ReadonlySet<string> | undefined {
  if (!names) return undefined
  const known = hostsOf(events)
  for (const name of names)
    if (!known.includes(name))
      throw new UsageError(`--host ${name}: the run has no such host`, {
        hint: suggestion(name, known) ?? `its hosts: ${known.slice(0, 20).join(', ')}`,
      })
  return new Set(names)
}

/** An event of a chosen host, or of none; with --changed only what changed. */
function isShown(event: EventLine, hosts: ReadonlySet<string> | undefined, o: Shown): boolean {
  if (event.type === 'facts' && !o.facts) return false
  if (event.type === 'planned' || event.type === 'stopping') return false
  if (event.type === 'host' && event.state !== 'failed' && event.state !== 'unreachable')
    if (event.state !== 'new') return false
  if (o.changed && event.type === 'task' && event.status !== 'changed') return false
  if (!hosts) return true
  if (event.type === 'task') return hosts.has(event.host) || hosts.has(ownerOf(event))
  return event.type === 'host' || event.type === 'facts' ? hosts.has(event.host) : true
}

/** A run in words, clean for a terminal: its head, failures, changes, page and recap. */
export function runLines(
  recorded: RecordedRun,
  content: RunContent,
  o: Shown,
  style: Style = noColor,
  columns = Infinity,
): string[] {
  const { damaged, end } = content
  const hosts = chosenHosts(content, o.host)
  const events = content.events.filter(event => isShown(event, hosts, o))
  const tasks = [...outcomesOf(events).values()]
  const failures: LocatedFailure[] = []
  if (!o.changed) for (const event of events) addFailure(failures, failureOf(event))
  const last = <T extends EventLine['type']>(
    type: T,
  ): Extract<EventLine, { type: T }> | undefined =>
    events.findLast((event): event is Extract<EventLine, { type: T }> => event.type === type)
  const [recap, page] = [last('recap'), last('page')]
  const changes = changeList(tasks, { diff: o.diff ?? false, columns }, style).slice(0, -1)
  const blocks: string[][] = [
    headLines(recorded, style),
    [
      ...(end ? [] : [style.warning(cleanLine(NO_END))]),
      ...(damaged > 0
        ? [
            style.warning(
              `${count(damaged, 'line')} of this record are left out: they make no sense`,
            ),
          ]
        : []),
      ...events.flatMap(event =>
        event.type === 'note' && event.level === 'warning' ? [style.warning(noteLine(event))] : [],
      ),
    ],
    ...failures.map(failed => failureBlock(failed, style)),
    changes,
    hosts && !o.changed ? quietLines(tasks, style) : [],
    o.facts ? factLines(events) : [],
    page && !hosts && !o.changed ? pageLines(page, style, columns) : [],
    recap && !o.changed ? recapTable(recapOf(recap, hosts), style, { columns }) : [],
    recap && !hosts ? closing(recap, style) : [],
    o.timing ? timingLines(content, recorded.run.begin) : [],
  ]
  return blocks
    .filter(lines => lines.length > 0)
    .flatMap((lines, n) => [...(n > 0 ? [''] : []), ...lines])
}

function headLines(recorded: RecordedRun, style: Style): string[] {
  const { run, fmc } = recorded
  const summary = summaryOf(recorded, 0)
  const rows: (readonly [string, string])[] = [
    [
      'began',
      `${localTime(run.begin)}${summary.seconds === undefined ? '' : `, took ${elapsed(summary.seconds * 1000)}`}`,
    ],
    ['by', `${whoRan(recorded)}${run.from === undefined ? '' : `, from ${run.from}`}`],
    ['command', `fmc ${quoteAll(run.argv)}`],
    ['inventory', `${run.inventory}${run.lab ? ' (in the lab)' : ''}`],
    [
      'git',
      run.git
        ? `${run.git.revision}${run.git.dirty ? ', with changes that are not committed' : ''}`
        : '',
    ],
    ['shard', run.shard ? `${run.shard.index}/${run.shard.of}` : ''],
    ['merged', run.merged ? `of ${run.merged.join(', ')}` : ''],
    ['fmc', fmc],
    ['result', resultWords(summary)],
  ]
  return [
    style.bold(cleanLine(`${run.command}  ${run.id}`)),
    ...table(rows.filter(([, text]) => text !== '').map(row => ['', ...row])),
  ]
}

/** Tasks that changed nothing: what else was looked at on a host. */
function quietLines(tasks: readonly TaskEvent[], style: Style): string[] {
  return tasks
    .filter(({ status, note }) => (status === 'ok' || status === 'skipped') && note === undefined)
    .map(({ host, role, task, status }) => cleanLine(`${host} | ${role} › ${task} | ${status}`))
    .map(style.dim)
}

const factLines = (events: readonly EventLine[]): string[] =>
  events.flatMap(event =>
    event.type !== 'facts'
      ? []
      : [
          cleanLine(event.host),
          ...table(
            Object.entries(event.facts).map(([question, answer]) => [
              '',
              question,
              typeof answer === 'string' ? answer : safeJson(answer),
            ]),
          ),
        ],
  )

const recapOf = (recap: RecapEvent, hosts: ReadonlySet<string> | undefined): RecapEvent =>
  hosts
    ? {
        ...recap,
        hosts: Object.fromEntries(Object.entries(recap.hosts).filter(([name]) => hosts.has(name))),
      }
    : recap

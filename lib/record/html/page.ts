import { createHash } from 'node:crypto'
import type { RecapEvent } from '../../engine/events.ts'
import { addFailure, failureOf, type LocatedFailure } from '../../report/blocks.ts'
import { resultsOf, type HostResult } from '../../report/results.ts'
import { count, elapsed } from '../../report/words.ts'
import type { EventLine } from '../format.ts'
import { hostsOf, outcomesOf, ownerOf, type TaskLine } from '../outcomes.ts'
import type { RecordedRun, RunContent } from '../read.ts'
import { NO_END } from '../replay.ts'
import { whoRan } from '../summary.ts'
import { criticalPath, timelineOf } from '../timeline.ts'
import { changes } from './changes.ts'
import { block, markup, NONE, type Html } from './escape.ts'
import { failureParts } from './failures.ts'
import { gantt } from './gantt.ts'
import { hostTable } from './hosts.ts'
import { pathPart } from './path.ts'
import { SCRIPT, STYLE } from './style.ts'

/** The first bytes of every report: by them fmc knows a file that it may replace. */
export const REPORT_HEAD = '<!doctype html>\n<!-- made by fmc runs report -->\n'

const hash = (text: string): Html =>
  `'sha256-${createHash('sha256').update(text).digest('base64')}'` as Html

/**
 * A recorded run as one page for a browser. It loads nothing: style and script are in it, and its Content-Security-Policy allows
 * only these two, by their hashes. All texts of the record are escaped. It can be read without its script, which searches.
 */
export function reportPage(recorded: RecordedRun, content: RunContent): string {
  const { run } = recorded
  const { events } = content
  const tasks = [...outcomesOf(events).values()]
  const failures: LocatedFailure[] = []
  for (const event of events) addFailure(failures, failureOf(event))
  const recap = events.findLast(
    (event): event is Extract<EventLine, { type: 'recap' }> => event.type === 'recap',
  )
  const names = hostsOf(events)
  const results = resultsOf(recap ?? countedSoFar(names, tasks, run.dryRun))
  const timeline = timelineOf(content, run.begin)
  const path = criticalPath(timeline)
  const bad = new Set(failures.map(({ host }) => host))
  const changed = changes(tasks, names, run.id)
  const page = markup`<html lang="en">
    <head>
      <meta charset="utf-8" />
      <meta
        http-equiv="Content-Security-Policy"
        content="default-src 'none'; style-src ${hash(STYLE)}; script-src ${hash(SCRIPT)}; base-uri 'none'; form-action 'none'"
      />
      <meta name="viewport" content="width=device-width,initial-scale=1" />
      <title>${{ text: `fmc ${run.command}, ${run.begin}` }}</title>
      ${`<style>${STYLE}</style>` as Html}
    </head>
    <body>
      ${head(recorded, content, timeline.ms)}
      <div id="search" hidden>
        <input
          type="search"
          placeholder="Search hosts, tasks, changes, failures"
          aria-label="Search"
        />
        <span class="soft"></span>
      </div>
      ${cards(results, names.length, run.dryRun)}
      ${section('Failures', failureParts(failures))}
      ${section('Warnings', warnings(events, content.damaged))}
      ${section('What made it take that long', pathPart(timeline))}
      ${section('Timeline', names.length === 0 ? [] : [gantt(timeline, new Set(path), names, bad)])}
      ${section(run.dryRun ? 'What would change' : 'Changes', changed === NONE ? [] : [changed])}
      ${findings(events)} ${section('Hosts', results.length > 0 ? [hostTable(results)] : [])}
      ${`<script>${SCRIPT}</script>` as Html}
    </body>
  </html> `
  return `${REPORT_HEAD}${page}`
}

/** The recap of a run that has none, because it was killed: what its tasks had come to. */
function countedSoFar(
  names: readonly string[],
  tasks: readonly TaskLine[],
  dryRun: boolean,
): RecapEvent {
  const zero = { ok: 0, changed: 0, skipped: 0, failed: 0, unreachable: 0 }
  const hosts = new Map(names.map(name => [name, { ...zero, unpredicted: 0, unneeded: 0 }]))
  for (const task of tasks) {
    const counts = hosts.get(ownerOf(task))
    if (counts) counts[task.status]++
  }
  return {
    ...{ type: 'recap', dryRun, seconds: 0, exitCode: 0, ...zero, unpredicted: 0, unneeded: 0 },
    hosts: Object.fromEntries(hosts),
  }
}

const section = (title: string, parts: readonly Html[]): Html =>
  parts.length === 0
    ? NONE
    : markup`<section>
        <h2>${{ text: title }}</h2>
        ${parts}
      </section>`

function head(recorded: RecordedRun, { end, events }: RunContent, ms: number): Html {
  const { run, fmc } = recorded
  const code = end?.exitCode
  const [kind, word] =
    code === undefined
      ? ['killed', 'no end']
      : code !== 0 && code !== 3
        ? ['failed', `exit ${code}`]
        : [run.dryRun ? 'dry' : '', run.dryRun ? 'dry run' : 'ok']
  const rows: (readonly [string, string])[] = [
    ['began', `${run.begin.replace('T', ' ').replace(/\.\d+Z$/, ' UTC')}, took ${elapsed(ms)}`],
    ['by', `${whoRan(recorded)}${run.from === undefined ? '' : `, from ${run.from}`}`],
    ['command', `fmc ${run.argv.join(' ')}`],
    ['inventory', `${run.inventory}${run.lab ? ' (in the lab)' : ''}`],
    [
      'git',
      run.git
        ? `${run.git.revision.slice(0, 12)}${run.git.dirty ? ', with changes that are not committed' : ''}`
        : '',
    ],
    ['shard', run.shard ? `${run.shard.index}/${run.shard.of}` : ''],
    ['merged', run.merged?.join(', ') ?? ''],
    ['record', `${run.id}, fmc ${fmc}`],
  ]
  const next = events.findLast(e => e.type === 'recap' && e.next !== undefined)
  const todo = next?.type === 'recap' ? (next.next ?? '') : ''
  return markup`<h1>
      ${{ text: `fmc ${run.command}` }}
      <span class="badge ${{ text: kind }}">${{ text: word }}</span>
    </h1>
    ${end ? NONE : markup`<p><b>${{ text: NO_END }}</b></p>`}
    <dl class="meta">
      ${rows
        .filter(([, text]) => text !== '')
        .map(
          ([name, text]) =>
            markup`<dt>${{ text: name }}</dt><dd${name === 'command' ? (' class="t"' as Html) : NONE}>${{ text }}</dd>`,
        )}
    </dl>
    ${
      todo === ''
        ? NONE
        : markup`<p>
            ${{ text: run.dryRun ? 'To make them:' : 'To continue:' }}
            <code>${{ text: todo }}</code>
          </p>`
    }`
}

function cards(results: readonly HostResult[], total: number, dryRun: boolean): Html {
  const having = (key: 'changed' | 'failed' | 'unreachable'): number =>
    results.filter(({ counts }) => counts[key] > 0).length
  const sum = (key: 'changed' | 'failed'): number =>
    results.reduce((all, { counts }) => all + counts[key], 0)
  const card = (kind: string, value: number, noun: string, rest = ''): Html =>
    markup`<div class="card ${{ text: value === 0 ? 'zero' : kind }}"><b>${value}</b>${{ text: `${noun}${value === 1 ? '' : 's'}${rest}` }}</div>`
  const notReached = results.filter(r => r.notReached.length > 0).length
  return markup`<div class="cards">${[
    card('', total, 'host'),
    card('changed', sum('changed'), 'change', dryRun ? ' would be made' : ''),
    card('changed', having('changed'), 'host', dryRun ? ' would change' : ' changed'),
    card('failed', sum('failed'), 'task', ' failed'),
    card('unreachable', having('unreachable'), 'host', ' unreachable'),
    ...(notReached > 0 ? [card('failed', notReached, 'host', ' not reached')] : []),
  ]}</div>`
}

function warnings(events: readonly EventLine[], damaged: number): Html[] {
  const texts = events.flatMap(event =>
    event.type === 'note' && event.level === 'warning'
      ? [`${event.host === undefined ? '' : `${event.host}: `}${event.text}`]
      : [],
  )
  if (damaged > 0)
    texts.push(`${count(damaged, 'line')} of the record are left out: they make no sense`)
  return texts.length === 0
    ? []
    : [
        markup`<ul>
          ${texts.map(text => markup`<li data-q>${{ text }}</li>`)}
        </ul>`,
      ]
}

function findings(events: readonly EventLine[]): Html {
  const page = events.findLast(
    (event): event is Extract<EventLine, { type: 'page' }> => event.type === 'page',
  )
  if (!page) return NONE
  return section(page.title, [
    markup`<ul>
      ${page.findings.map(
        ({ level, text, details = [], hint }) =>
          markup`<li data-q>
            <b>${{ text: level }}</b> ${{ text }}${
              details.length === 0 ? NONE : markup`<pre>${block(details.join('\n'))}</pre>`
            }${hint === undefined ? NONE : markup` <code>${{ text: hint }}</code>`}
          </li>`,
      )}
    </ul>`,
  ])
}

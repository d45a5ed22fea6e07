import type { SelectedPlay } from '../engine/define/select.ts'
import type { Event, TaskEvent } from '../engine/events.ts'
import { EXIT } from '../errors.ts'
import { count } from '../report/words.ts'
import { jsonLines } from './json-lines.ts'
import type { RunOptions } from './options.ts'
import { print, printError } from './print.ts'
import type { RecordedReport } from './recorded.ts'

type Stages = readonly (readonly SelectedPlay[])[]
type What = Pick<RunOptions, 'listHosts' | 'listTags' | 'output'>

/** `--list-hosts` and `--list-tags`: the selected plays. Resolves with the exit code. */
export function printPlays(stages: Stages, what: What): number {
  const plays = stages.flatMap((stage, index) =>
    stage.map(({ play, hosts, roles }) => ({
      type: 'play',
      stage: index + 1,
      play: play.name,
      hosts: hosts.map(h => h.name),
      tags: play.tags ?? [],
      roles: roles.map(r => r.name),
    })),
  )
  if (what.output === 'json') jsonLines(plays)
  else print(playLines(plays, what).join('\n'))
  return EXIT.ok
}

interface ListedPlay {
  readonly play: string
  readonly hosts: readonly string[]
  readonly tags: readonly string[]
  readonly roles: readonly string[]
}

function playLines(plays: readonly ListedPlay[], what: What): string[] {
  const all = (of: (play: ListedPlay) => readonly string[]): string[] => [
    ...new Set(plays.flatMap(play => [...of(play)])),
  ]
  const lines = plays.flatMap(({ play, hosts, tags, roles }) => [
    play,
    ...(what.listHosts ? [`  ${count(hosts.length, 'host')}: ${hosts.join(' ')}`] : []),
    ...(what.listTags ? [`  tags: ${[...new Set([...tags, ...roles])].join(' ')}`] : []),
  ])
  const hosts = all(p => p.hosts)
  return [
    ...lines,
    '',
    ...(what.listHosts ? [`${count(hosts.length, 'host')}: ${hosts.join(' ')}`] : []),
    ...(what.listTags ? [`tags: ${all(p => [...p.tags, ...p.roles]).join(' ')}`] : []),
  ]
}

/** One task of a play, and the hosts whose plan has it. */
interface ListedTask {
  readonly type: 'task'
  readonly play: string
  readonly role: string
  readonly task: string
  readonly hosts: string[]
}

/**
 * `--list-tasks`, instead of a report: the tasks that the plan has found, by play and role, and the handlers of the roles. A role
 * is code, so fmc knows its tasks only from planning them on the hosts. Failures go to stderr.
 */
export function taskList(stages: Stages, { output }: What): RecordedReport {
  const tasks = new Map<string, ListedTask>()
  const add = ({ play, role, task, host }: TaskEvent): void => {
    const key = [play, role, task].join('\0')
    const known = tasks.get(key)
    if (known) known.hosts.push(host)
    else tasks.set(key, { type: 'task', play, role, task, hosts: [host] })
  }
  const failed = (event: Event): void => {
    if (!('failure' in event)) return
    const { message, hint } = event.failure
    printError(`${event.host}: ${message}${hint === undefined ? '' : `\n  ${hint}`}`)
  }
  return {
    file: undefined,
    on(event) {
      if (event.type === 'note' && event.level === 'warning') printError(`fmc: ${event.text}`)
      if (event.type === 'task') add(event)
      failed(event)
    },
    end() {
      if (output === 'json') jsonLines(tasks.values())
      else
        print(
          stages
            .flat()
            .flatMap(play => taskLines(play, [...tasks.values()]))
            .join('\n'),
        )
      return Promise.resolve()
    },
  }
}

function taskLines({ play, hosts, roles }: SelectedPlay, tasks: readonly ListedTask[]): string[] {
  return [
    `${play.name}: ${hosts.map(h => h.name).join(' ')}`,
    ...roles.flatMap(role => {
      const own = tasks.filter(t => t.play === play.name && t.role === role.name)
      const handlers = Object.keys(role.handlers)
      return [
        `  ${role.name}`,
        ...own.map(({ task, hosts: some }) => {
          const everywhere = hosts.length === some.length && hosts.every(h => some.includes(h.name))
          return `    ${task}${everywhere ? '' : ` (${some.join(' ')})`}`
        }),
        ...(handlers.length > 0 ? [`    handlers: ${handlers.join(', ')}`] : []),
      ]
    }),
  ]
}

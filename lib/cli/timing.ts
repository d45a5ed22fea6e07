import type { Event, TaskEvent } from '../engine/events.ts'
import type { OpenSession } from '../ssh/types.ts'
import type { EventLine } from '../record/index.ts'
import { timelineOf } from '../record/timeline.ts'
import { cleanLine } from '../text/sanitise.ts'
import { pathLines } from './runs/timing.ts'
import { watchSessions } from './watched.ts'

/** Phases of a run as --timing shows them. Those of `PARTS` are what hosts were busy with during the passes. */
const PHASES = ['start', 'load', 'plan', 'apply', 'verify', 'close'] as const
const PARTS = ['connect', 'questions', 'changes', 'gates'] as const

type Phase = (typeof PHASES)[number]
type Part = (typeof PARTS)[number]

/** When something was under way, in ms since this process started. */
type Span = readonly [from: number, to: number]

/** Events of which the critical path is made. */
const PATH_EVENTS: ReadonlySet<string> = new Set(['pass', 'host', 'task'])

/** How many hosts and tasks are named. */
const SLOWEST = 5

/** Hosts and tasks that took less are not named. */
const SHORTEST_MS = 1

/** Marks the end of the phase `start`: fmc's own code is loaded. */
export const markStarted = (): void => void performance.mark(STARTED)
const STARTED = 'fmc has started'

/** Measures where the time of a run goes, for `--timing`. `now`: ms since this process started. */
export class Timing {
  readonly #now: () => number
  readonly #started: number
  readonly #phases = new Map<Phase, Span[]>()
  readonly #parts = new Map<Part, Map<string, Span[]>>()
  readonly #tasks: TaskEvent[] = []
  readonly #events: EventLine[] = []
  #passed: number
  #ended = 0

  constructor(now = (): number => performance.now()) {
    this.#now = now
    this.#started = performance.getEntriesByName(STARTED).at(-1)?.startTime ?? 0
    this.#passed = now()
  }

  /** Opens sessions whose connections and scripts are measured. */
  watch(open: OpenSession): OpenSession {
    const connects: OpenSession = async (target, boot, options) => {
      const from = this.#now()
      try {
        return await open(target, boot, options)
      } finally {
        this.#add('connect', target.name, [from, this.#now()])
      }
    }
    return watchSessions(connects, (host, _, answer, { marked = false }) => {
      const from = this.#now()
      const done = (): void => {
        this.#add(marked ? 'questions' : 'changes', host, [from, this.#now()])
      }
      answer.then(done, done)
    })
  }

  /** Takes the events of the run. */
  on(event: Event): void {
    const now = this.#now()
    if (PATH_EVENTS.has(event.type)) this.#events.push({ ...event, at: now } as EventLine)
    if (event.type === 'start') {
      this.#phases.set('start', [[0, this.#started]])
      this.#phases.set('load', [[this.#started, now]])
    } else if (event.type === 'pass') {
      if (event.state === 'start') this.#passed = now
      else this.#phases.set(event.pass, [[this.#passed, now]])
    } else if (event.type === 'task') {
      this.#tasks.push(event)
      if (event.task.startsWith('gate ')) this.#add('gates', event.host, [now - event.ms, now])
    } else if (event.type === 'recap') this.#ended = now
  }

  /** What --timing shows, once the run has ended and its report is complete. */
  lines(): string[] {
    const end = this.#now()
    if (this.#ended > 0) this.#phases.set('close', [[this.#ended, end]])
    const phases = PHASES.flatMap(phase => {
      const spans = this.#phases.get(phase)
      return spans ? [row(phase, union(spans))] : []
    })
    const parts = PARTS.flatMap(part => {
      const hosts = this.#parts.get(part)
      if (!hosts) return []
      const [slowest] = largest([...hosts].map(([host, spans]) => [host, union(spans)]))
      const of = slowest
        ? `; the slowest host: ${cleanLine(slowest[0])} ${inSeconds(slowest[1])}`
        : ''
      return [`${row(part, union([...hosts.values()].flat()))}${of}`]
    })
    const hosts = largest(this.#busy())
    const tasks = largest(
      this.#tasks.map(({ host, role, task, ms }) => [`${host} | ${role} | ${task}`, ms] as const),
    )
    return [
      'Time of each phase:',
      ...phases,
      row('total', end),
      ...(parts.length > 0 ? ['Meanwhile, time in which at least one host was busy with:'] : []),
      ...parts,
      ...named('Slowest hosts:', hosts),
      ...named('Slowest tasks:', tasks),
      ...pathLines(timelineOf({ events: this.#events, end: undefined, damaged: 0 }, '')),
    ]
  }

  #add(part: Part, host: string, span: Span): void {
    const hosts = this.#parts.get(part) ?? new Map<string, Span[]>()
    const spans = hosts.get(host) ?? []
    spans.push(span)
    this.#parts.set(part, hosts.set(host, spans))
  }

  /** How long each host was busy. */
  #busy(): (readonly [string, number])[] {
    const all = new Map<string, Span[]>()
    for (const hosts of this.#parts.values())
      for (const [host, spans] of hosts) all.set(host, [...(all.get(host) ?? []), ...spans])
    return [...all].map(([host, spans]) => [host, union(spans)])
  }
}

/** How long at least one of the spans lasted. */
export function union(spans: readonly Span[]): number {
  let sum = 0
  let reached = -Infinity
  for (const [from, to] of [...spans].sort(([a], [b]) => a - b)) {
    sum += Math.max(0, to - Math.max(from, reached))
    reached = Math.max(reached, to)
  }
  return sum
}

const largest = (
  of: readonly (readonly [string, number])[],
): readonly (readonly [string, number])[] =>
  of
    .filter(([, ms]) => ms >= SHORTEST_MS)
    .sort(([, a], [, b]) => b - a)
    .slice(0, SLOWEST)

const inSeconds = (ms: number): string => `${(ms / 1000).toFixed(3)} s`

const row = (name: string, ms: number): string =>
  `  ${name.padEnd(10)}${inSeconds(ms).padStart(11)}`

const named = (title: string, of: readonly (readonly [string, number])[]): string[] =>
  of.length === 0
    ? []
    : [title, ...of.map(([name, ms]) => `  ${inSeconds(ms).padStart(11)}  ${cleanLine(name)}`)]

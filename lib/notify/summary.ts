import type { Counts, Event } from '../engine/events.ts'

/** One thing that went wrong, in words. */
export interface Trouble {
  readonly host?: string
  readonly role?: string
  readonly task?: string
  readonly message: string
}

/** What a hook says of a run. The names are those of the JSON that a webhook gets. */
export interface RunSummary {
  readonly command: string
  /** The id of the run, as in its record. */
  readonly run: string
  readonly dryRun: boolean
  readonly exitCode: number
  readonly seconds: number
  /** ISO 8601. */
  readonly begin: string
  /** The name of the machine that fmc runs on. */
  readonly controller: string
  readonly fmc: string
  readonly counts: Counts
  /** How many hosts the run was about. */
  readonly hosts: number
  /** Hosts that failed, could not be reached or would change, by what they did. */
  readonly failed: readonly string[]
  readonly unreachable: readonly string[]
  readonly changed: readonly string[]
  /** The first ten. The output of commands is left out. */
  readonly problems: readonly Trouble[]
  /** The command that continues. */
  readonly next?: string
}

const MOST_PROBLEMS = 10
const LONGEST = 400

const none: Counts = {
  ...{ ok: 0, changed: 0, skipped: 0, failed: 0, unreachable: 0 },
  ...{ unpredicted: 0, unneeded: 0 },
}

/** What the caller knows of a run. */
export type RunFacts = Pick<
  RunSummary,
  'command' | 'run' | 'dryRun' | 'begin' | 'controller' | 'fmc'
>

/** Collects a summary from the events of a run. */
export class Summary {
  readonly #facts: RunFacts
  readonly #problems = new Map<string, Trouble>()
  readonly #hosts = new Map<string, Set<string>>()
  #counts = none
  #total = 0
  #next: string | undefined

  constructor(facts: RunFacts) {
    this.#facts = facts
  }

  on(event: Event): void {
    if (event.type === 'start') this.#total = event.hosts.length
    else if (event.type === 'recap') this.#recap(event)
    else if (event.type === 'page') {
      for (const { level, text } of event.findings)
        if (level === 'broken' || level === 'degraded') this.#problem({ message: text })
    } else if ('failure' in event) {
      const { role, task } = event.type === 'task' ? event : {}
      const place = { ...(role !== undefined && { role }), ...(task !== undefined && { task }) }
      this.#problem({ host: event.host, ...place, message: event.failure.message })
    }
  }

  #recap(event: Event & { readonly type: 'recap' }): void {
    const { ok, changed, skipped, failed, unreachable, unpredicted, unneeded } = event
    this.#counts = { ok, changed, skipped, failed, unreachable, unpredicted, unneeded }
    this.#next = event.next
    for (const [host, counts] of Object.entries(event.hosts))
      for (const state of ['failed', 'unreachable', 'changed'] as const)
        if (counts[state] > 0)
          this.#hosts.set(state, (this.#hosts.get(state) ?? new Set()).add(host))
  }

  /** The engine reports a task's failure again as its host's. */
  #problem(trouble: Trouble): void {
    const message = trouble.message.slice(0, LONGEST)
    const key = `${trouble.host ?? ''}\0${message}`
    if (!this.#problems.has(key) && this.#problems.size < MOST_PROBLEMS)
      this.#problems.set(key, { ...trouble, message })
  }

  /** The summary, now. */
  of(exitCode: number, end = new Date()): RunSummary {
    const hosts = (state: string): string[] => [...(this.#hosts.get(state) ?? [])]
    return {
      ...this.#facts,
      exitCode,
      seconds: Math.max(0, Math.round((end.getTime() - Date.parse(this.#facts.begin)) / 100) / 10),
      counts: this.#counts,
      hosts: this.#total,
      failed: hosts('failed'),
      unreachable: hosts('unreachable'),
      changed: hosts('changed'),
      problems: [...this.#problems.values()],
      ...(this.#next === undefined ? {} : { next: this.#next }),
    }
  }
}

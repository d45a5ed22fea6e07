import { recordedRuns, type RecordedRun } from './read.ts'

/** Of which runs: those recorded in a directory (store.ts), for the same inventory and command. */
export interface RunsOf {
  readonly dir: string
  /** The path of the inventory's file, as in the record. */
  readonly inventory: string
  /** "play site"; undefined: any. */
  readonly command?: string | undefined
}

/** The runs that were no dry runs, newest first. */
function* realRuns({ dir, inventory, command }: RunsOf): Generator<RecordedRun> {
  for (const recorded of recordedRuns(dir)) {
    const { run } = recorded
    if (run.inventory !== inventory || run.dryRun) continue
    if (command === undefined || run.command === command) yield recorded
  }
}

/** The last run that was no dry run; undefined: there is none. */
export function lastRun(of: RunsOf): RecordedRun | undefined {
  const [last] = realRuns(of)
  return last
}

/** The hosts that failed or could not be reached in a run, in the order in which that happened. */
export function failedHosts(recorded: RecordedRun): string[] {
  const failed = new Set<string>()
  for (const event of recorded.events()) {
    if (event.type !== 'task' && event.type !== 'host') continue
    const state = event.type === 'task' ? event.status : event.state
    if (state !== 'failed' && state !== 'unreachable') continue
    // What a host's role does on another one counts for that host, as in the recap.
    failed.add((event.type === 'task' && event.delegatedBy) || event.host)
  }
  return [...failed]
}

/** How long tasks took that changed something. */
export interface TaskTimes {
  /** Milliseconds: the median on this host, else on all hosts; undefined: no recorded run has changed it. */
  of(host: string, role: string, task: string): number | undefined
}

/** The times in the newest `runs` runs (default 10) of an inventory, whatever the command. */
export function taskTimes(of: RunsOf, runs = 10): TaskTimes {
  const times = new Map<string, number[]>()
  const add = (key: string, ms: number): void => {
    const known = times.get(key)
    if (known) known.push(ms)
    else times.set(key, [ms])
  }
  let left = runs
  for (const recorded of realRuns(of)) {
    if (left-- === 0) break
    let applying = false
    for (const event of recorded.events())
      if (event.type === 'pass') applying = event.pass === 'apply' && event.state === 'start'
      else if (event.type === 'task' && applying && event.status === 'changed') {
        add(`${event.role}\0${event.task}`, event.ms)
        add(`${event.role}\0${event.task}\0${event.host}`, event.ms)
      }
  }
  return {
    of: (host, role, task) =>
      median(times.get(`${role}\0${task}\0${host}`) ?? times.get(`${role}\0${task}`)),
  }
}

function median(values: readonly number[] | undefined): number | undefined {
  if (!values) return undefined
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length / 2
  const [low, high] = [sorted[Math.ceil(middle) - 1] ?? 0, sorted[Math.floor(middle)] ?? 0]
  return (low + high) / 2
}

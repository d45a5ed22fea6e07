import type { Told } from './fmc.ts'
import type { Read } from './peers.ts'

/** What became of a dry run's predictions on fresh hosts. Counted as tasks on hosts, handlers included. */
export interface Fidelity {
  readonly predicted: number
  /** Of those, changed by the run that followed. */
  readonly cameTrue: number
  /** Predicted, and not changed. */
  readonly notNeeded: number
  /** Changed, and not predicted. */
  readonly unpredicted: number
  /** Of the unpredicted: said to be possible ("conditional"). */
  readonly maybe: number
  /** Tasks that failed in the dry run; what comes after them on that host it does not tell. */
  readonly failed: number
}

/** fmc names every task and host. Its own counts of the run must say the same. */
export function fmcFidelity(dry: Told, done: Told): Fidelity {
  const cameTrue = [...dry.changed].filter(t => done.changed.has(t)).length
  return {
    predicted: dry.changed.size,
    cameTrue,
    notNeeded: Math.max(dry.changed.size - cameTrue, done.recap.unneeded),
    unpredicted: Math.max(done.changed.size - cameTrue, done.recap.unpredicted),
    maybe: 0,
    failed: dry.recap.failed,
  }
}

/** The peers' reports are compared by task and number of hosts; all hosts are equal. */
export function peerFidelity(dry: Read, done: Read): Fidelity {
  const sum = (map: ReadonlyMap<string, number>): number =>
    [...map.values()].reduce((a, b) => a + b, 0)
  const common = (a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): number =>
    [...a].reduce((n, [task, hosts]) => n + Math.min(hosts, b.get(task) ?? 0), 0)
  const cameTrue = common(dry.changed, done.changed)
  return {
    predicted: sum(dry.changed),
    cameTrue,
    notNeeded: sum(dry.changed) - cameTrue,
    unpredicted: sum(done.changed) - cameTrue,
    maybe: common(dry.maybe, done.changed),
    failed: dry.failed,
  }
}

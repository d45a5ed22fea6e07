import { EXIT } from '../errors.ts'
import type { Counts, Event, Page, RecapEvent } from './events.ts'
import type { Left } from './left.ts'

const isEmpty = (record: object): boolean => Object.keys(record).length === 0

type Mutable = { -readonly [K in keyof Counts]: Counts[K] }
const zero = (): Mutable => ({
  ok: 0,
  changed: 0,
  skipped: 0,
  failed: 0,
  unreachable: 0,
  unpredicted: 0,
  unneeded: 0,
})

/** Counts the events of a run, by host. */
export class Recap {
  readonly #hosts = new Map<string, Mutable>()

  /** Adds a host; the recap shows hosts in this order. */
  add(host: string): void {
    this.#of(host)
  }

  /** Takes one event into account. */
  count(event: Event): void {
    if (event.type === 'host' && (event.state === 'failed' || event.state === 'unreachable'))
      this.#of(event.host)[event.state]++
    if (event.type === 'host' && event.state === 'new') this.#new.add(event.host)
    if (event.type !== 'task') return
    const counts = this.#of(event.delegatedBy ?? event.host)
    counts[event.status]++
    if (event.unpredicted) counts.unpredicted++
    if (event.unneeded) counts.unneeded++
  }

  readonly #new = new Set<string>()

  #of(host: string): Mutable {
    let counts = this.#hosts.get(host)
    if (!counts) this.#hosts.set(host, (counts = zero()))
    return counts
  }

  #total(): Counts {
    const sum = zero()
    for (const counts of this.#hosts.values())
      for (const key of Object.keys(sum) as (keyof Counts)[]) sum[key] += counts[key]
    return sum
  }

  /** The last event of the run. */
  event(o: {
    dryRun: boolean
    seconds: number
    interrupted: boolean
    /** By SIGTERM. */
    terminated?: boolean
    pendingIsError: boolean
    /** Something failed that belongs to no host. */
    failed: boolean
    /** Hosts on which another run works. */
    locked: readonly string[]
    left: Left
    /** The play that ended the run before its time. */
    stoppedBy: string | undefined
    /** The command that continues. */
    next: string | undefined
    /** Of a run that ends with a page. */
    page?: Page | undefined
    readOnly?: boolean
  }): RecapEvent {
    const total = this.#total()
    const wrong =
      o.page?.findings.some(f => f.level === 'broken' || f.level === 'degraded') ?? false
    const exitCode = o.interrupted
      ? o.terminated
        ? EXIT.terminated
        : EXIT.interrupted
      : (total.failed > 0 && !o.readOnly) || o.failed || o.locked.length > 0 || wrong
        ? EXIT.failed
        : total.unreachable > 0 && !o.readOnly
          ? EXIT.unreachable
          : o.dryRun && o.pendingIsError && total.changed > 0
            ? EXIT.pending
            : EXIT.ok
    // A dry run that predicts changes has a next command; a check has none.
    const isDone = o.readOnly || (o.dryRun ? total.changed === 0 : exitCode === EXIT.ok)
    return {
      type: 'recap',
      ...total,
      dryRun: o.dryRun,
      seconds: o.seconds,
      hosts: Object.fromEntries(this.#hosts),
      exitCode,
      ...(this.#new.size === 0
        ? {}
        : { new: [...this.#hosts.keys()].filter(h => this.#new.has(h)) }),
      ...(o.locked.length === 0 ? {} : { locked: o.locked }),
      ...(o.locked.length === 0 && isEmpty(o.left.undone) ? {} : { undone: o.left.undone }),
      ...(isEmpty(o.left.notReached) ? {} : { notReached: o.left.notReached }),
      ...(o.stoppedBy === undefined ? {} : { stoppedBy: o.stoppedBy }),
      ...(o.next === undefined || isDone ? {} : { next: o.next }),
    }
  }
}

import { setTimeout as sleep } from 'node:timers/promises'
import { FmcError, TaskError, UnreachableError } from '../../errors.ts'
import type { Host } from '../../inventory/types.ts'
import type { FactsEvent } from '../events.ts'
import type { Emit, RunSettings } from '../settings.ts'
import { failureOf } from '../task-events.ts'
import { isAbort, isUnreachable } from '../role/failed-task.ts'
import { Arrivals } from './arrivals.ts'
import { Connections } from './connections.ts'
import { Ending } from './ending.ts'
import { Forks } from './forks.ts'
import type { HostRun } from './host-run.ts'
import { LockedError, type LockKind } from './lock.ts'
import { newHost, silentHost } from './new-host.ts'
import { onTheWay } from './on-the-way.ts'
import { recordedFacts } from './recorded-facts.ts'
import { Traffic } from './traffic.ts'

/** How much longer a host may take to answer once its hypervisor's plan has announced it. */
const GRACE_MS = 1000
/** How long a host that was just created may take to answer, and the time between two attempts. */
const BOOT_MS = 60_000
const CONNECT_EVERY_MS = 1000

/** The hosts of a run: which are connected, which do not exist yet, and which were dropped after a failure. */
export class Fleet {
  /** In inventory order. */
  readonly hosts: readonly Host[]
  /** Hosts on which another run works. Because of them this run changes nothing anywhere. */
  readonly locked: string[] = []
  /** Which hosts will be created by others. */
  readonly arrivals: Arrivals
  /** What ends the run before its roles end. */
  readonly ending: Ending
  /** Work on several hosts, `forks` of them at a time. */
  readonly forks: Forks
  /** Hosts that did not answer when the plan connected to them (cut-off.ts decides about them). */
  readonly silent = new Map<Host, UnreachableError>()
  readonly #settings: RunSettings
  readonly #emit: Emit
  readonly #connections: Connections
  /** Hosts that do not exist yet, as they will be once they are created. */
  readonly #new = new Map<string, HostRun>()
  /** Hosts that were planned as new and have been connected to since. */
  readonly #wereNew = new Set<string>()
  readonly #dropped = new Set<string>()
  readonly #leftOut = new Set<string>()
  readonly #cutOff = new Set<string>()
  #mistake = false

  constructor(settings: RunSettings, emit: Emit) {
    const { stages, inventory } = settings
    this.#settings = settings
    this.#emit = emit
    this.arrivals = new Arrivals(stages, inventory)
    const traffic = new Traffic()
    const openSession = traffic.watch(settings.openSession)
    this.#connections = new Connections({ ...settings, openSession }, host => this.#lockOf(host))
    const names = new Set(stages.flat().flatMap(p => p.hosts.map(h => h.name)))
    this.hosts = [...inventory.hosts.values()].filter(h => names.has(h.name))
    this.ending = new Ending(settings, traffic, () => this.#connections.endAll())
    this.forks = new Forks(settings.forks, {
      isOut: host => this.isDropped(host) || settings.stop.aborted,
      unlessEnded: work => this.ending.unlessEnded(work),
      silent: host => this.#connections.silent(host),
      fail: (host, error) => this.fail(host, error),
    })
  }

  #lockOf(host: Host): LockKind {
    const { readOnly, dryRun } = this.#settings
    if (readOnly) return 'none'
    return dryRun || !this.hosts.includes(host) ? 'shared' : 'exclusive'
  }

  /** Connected hosts that this run has written to. */
  get touched(): readonly HostRun[] {
    return this.#connections.all.filter(r => r.touched)
  }

  /** What the connected hosts have said about themselves (recorded-facts.ts). */
  facts(): FactsEvent[] {
    return this.#connections.all
      .filter(run => run.connection !== undefined)
      .map(({ host, answers }) => ({
        type: 'facts',
        host: host.name,
        facts: recordedFacts(answers.remembered()),
      }))
  }

  /** Drops the remembered answers of all hosts: a change to one host can alter another. */
  forget(): void {
    for (const { answers } of this.#connections.all) answers.forget()
  }

  /** Has a role's code started something without awaiting it? Then nothing that this run plans can be relied on. */
  get hasMistake(): boolean {
    return this.#mistake
  }

  noteMistake(): void {
    this.#mistake = true
  }

  /** A dropped host takes no further part in the run. */
  isDropped(host: Host): boolean {
    return this.#dropped.has(host.name)
  }

  drop(host: Host): void {
    this.#dropped.add(host.name)
  }

  /** The host does not answer yet: a change of this run to another host may bring it back. */
  cutOff(host: Host): void {
    this.#cutOff.add(host.name)
  }

  isCutOff(host: Host): boolean {
    return this.#cutOff.has(host.name)
  }

  /** The host has been connected to and planned, or has failed. */
  notCutOff(host: Host): void {
    this.#cutOff.delete(host.name)
  }

  /** The user does not want the run to change this host: it gets no further changes, and what it got is verified. */
  leaveOut(host: Host): void {
    this.#leftOut.add(host.name)
  }

  isLeftOut(host: Host): boolean {
    return this.#leftOut.has(host.name)
  }

  /** The connected host. Throws TaskError when it is not connected. */
  get(host: Host): HostRun {
    return this.#connections.get(host)
  }

  /** A failure that belongs to no task: an event, and the host is dropped. */
  fail(host: Host, error: unknown): void {
    this.drop(host)
    if (error instanceof LockedError) this.locked.push(host.name)
    if (this.#settings.stop.aborted && isAbort(error)) return
    const cause = error instanceof Error ? error : new Error(String(error))
    const known = cause instanceof FmcError
    this.#emit({
      type: 'host',
      host: host.name,
      state: isUnreachable(cause) ? 'unreachable' : 'failed',
      failure: {
        ...failureOf(cause),
        ...(known || cause.stack === undefined ? {} : { output: cause.stack }),
      },
    })
  }

  /** Was the host planned before it exists, and has not been connected to since? */
  isNew(host: Host): boolean {
    return this.#new.has(host.name)
  }

  /** Was the host planned before it existed? Then its plan rests on guesses. */
  wasNew(host: Host): boolean {
    return this.#wereNew.has(host.name)
  }

  /**
   * For the first plan: the connected host; or, if it does not answer and its hypervisor will create it, the host as it
   * will be. `asker`: the host whose role asks. A hypervisor's own role does not wait for the hypervisor's plan.
   */
  async forPlan(host: Host, asker?: Host): Promise<HostRun> {
    const known = this.#new.get(host.name)
    if (known) return known
    const { arrivals } = this
    const creator = arrivals.creatorOf(host)
    if (!creator || (asker && arrivals.isCreator(asker) && !arrivals.isAnnounced(host.name)))
      return this.#connections.connect(host)
    const connecting = this.#connections.connect(host)
    const will = arrivals.willExist(host.name)
    const settled = new AbortController()
    const patience = will
      .then(yes => (yes ? sleep(GRACE_MS, null, { signal: settled.signal }) : connecting))
      .catch(() => connecting)
    try {
      const run = await Promise.race([connecting, patience])
      if (run) return run
    } catch (error) {
      const silent = error instanceof UnreachableError && error.silent
      if (!silent || !(await will)) throw error
    } finally {
      settled.abort()
    }
    return this.#addNew(host, this.get(creator))
  }

  /** For the plan: a host that exists, and that its hypervisor will create again. */
  planAsNew(host: Host, creator: Host): HostRun {
    this.#connections.disconnect(host)
    this.#dropped.delete(host.name)
    return this.#addNew(host, this.get(creator))
  }

  #addNew(host: Host, creator: HostRun): HostRun {
    const known = this.#new.get(host.name)
    if (known) return known
    const run = newHost(host, creator)
    this.#new.set(host.name, run)
    this.#connections.giveUp(host)
    if (this.hosts.includes(host))
      this.#emit({ type: 'host', host: host.name, state: 'new', by: creator.host.name })
    return run
  }

  /** For plays with `allowUnreachable`: a host that does not answer. */
  addSilent(host: Host): HostRun {
    const run = silentHost(host)
    this.#connections.set(run)
    return run
  }

  /** Connects to a host that was planned before it existed. Throws UnreachableError. */
  async connectNew(host: Host): Promise<void> {
    this.#new.delete(host.name)
    this.#wereNew.add(host.name)
    await this.#connectAgain(host)
  }

  /** Connects to a host that was cut off. Throws UnreachableError. */
  async connectCutOff(host: Host): Promise<HostRun> {
    const lost = onTheWay(host, this.#settings.inventory).find(way => this.isDropped(way.host))
    if (lost)
      throw new UnreachableError(
        `no answer; ${lost.host.name}, ${lost.as}, was to be changed first, and failed`,
        { silent: true },
      )
    await this.#connectAgain(host)
    return this.get(host)
  }

  /** Connects to a host that this run has brought, or brought back; it may take a minute to answer. */
  async #connectAgain(host: Host): Promise<void> {
    const creator = this.arrivals.creatorOf(host)
    const failed = creator && this.isDropped(creator)
    const end = performance.now() + BOOT_MS
    for (;;) {
      this.#connections.disconnect(host)
      try {
        await this.#connections.connect(host)
        return
      } catch (error) {
        const silent = error instanceof UnreachableError && error.silent
        if (silent && failed)
          throw new UnreachableError(`${creator.name} was to create ${host.name}, and failed`)
        if (!silent || performance.now() > end || this.#settings.stop.aborted) throw error
      }
      await sleep(CONNECT_EVERY_MS)
    }
  }

  /**
   * Another host that a role or an invariant looks at: connected when first needed, and again if its session was lost.
   * `asker`: in the first plan, the host whose role asks; then a host that does not exist yet answers as it will be.
   */
  async reach(name: string, asker?: Host): Promise<HostRun> {
    const host = this.#settings.inventory.hosts.get(name)
    if (!host) throw new TaskError(`the inventory has no host ${name}`)
    const run = await (asker ? this.forPlan(host, asker) : this.#connections.connect(host))
    await run.revive()
    return run
  }

  /** Ends the run on all hosts. If it has changed something, their locks are free then: the host ends a session's shell in its own time. */
  async end(): Promise<void> {
    if (this.touched.length > 0) await this.#connections.release()
    this.#connections.close()
  }
}

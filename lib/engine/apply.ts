import { TaskError } from '../errors.ts'
import type { Host } from '../inventory/types.ts'
import { batches } from './define/batches.ts'
import { isAbort } from './role/failed.ts'
import type { Fleet } from './host/fleet.ts'
import type { Emit, RunOptions } from './settings.ts'
import { Pass } from './role/pass.ts'
import { hasWork, type Planner } from './plan.ts'
import type { Role } from './define/role.ts'
import { recordKey, type TaskRecord } from './role/record.ts'
import type { SelectedPlay } from './define/select.ts'
import { appliedEvent, unneededEvent } from './task-events.ts'

const INVARIANT_SECONDS = 60
const INVARIANT_EVERY_MS = 500

/** Code of a play itself (order, invariant) runs in the scope of a role without tasks. */
const PLAY: Role = {
  name: 'play',
  summary: '',
  vars: undefined as never,
  tasks: () => Promise.resolve(),
  handlers: {},
}

/** Makes what was planned: stage by stage, in batches, with the plays' invariants. */
export class Applier {
  readonly #o: RunOptions
  readonly #fleet: Fleet
  readonly #planner: Planner
  readonly #emit: Emit
  readonly #pass = new Pass('apply')
  #stopped = false
  readonly #through = new Set<string>()

  constructor(o: RunOptions, fleet: Fleet, planner: Planner, emit: Emit) {
    this.#o = o
    this.#fleet = fleet
    this.#planner = planner
    this.#emit = emit
  }

  /** Has the host come to the end of the play? Not after a stop before its turn. */
  isThrough({ play }: SelectedPlay, host: Host): boolean {
    return this.#through.has(`${play.name}\0${host.name}`)
  }

  #passes({ play }: SelectedPlay, host: Host): void {
    this.#through.add(`${play.name}\0${host.name}`)
  }

  async applyAll(): Promise<void> {
    for (const stage of this.#o.stages) {
      if (this.#over) return
      await Promise.all(stage.map(selected => this.#play(selected)))
    }
  }

  get #over(): boolean {
    return this.#stopped || this.#o.stop.aborted
  }

  #stop(text: string): void {
    this.#stopped = true
    this.#emit({ type: 'note', level: 'warning', text })
  }

  async #play(selected: SelectedPlay): Promise<void> {
    const { play, hosts } = selected
    const names = hosts.map(h => h.name)
    this.#emit({ type: 'play', play: play.name, state: 'start', hosts: names })
    await this.#planner.connectNew(selected)
    await this.#planner.planAgain(selected)
    const atWork = hosts.filter(h => !this.#fleet.isDropped(h) && this.#hasWork(selected, h))
    for (const host of hosts)
      if (!atWork.includes(host)) {
        this.#planner.show(selected, host)
        this.#passes(selected, host)
      }
    const ordered = await this.#ordered(selected, atWork)
    const dead = this.#tooManyDead(selected)
    if (dead && (atWork.length > 0 || hosts.every(h => this.#fleet.isDropped(h))))
      this.#stop(`${play.name}: not begun, because ${dead} failed or could not be reached`)
    else await this.#inBatches(selected, ordered)
    this.#emit({ type: 'play', play: play.name, state: 'end', hosts: names })
  }

  /** The hosts of a rolling play that failed or could not be reached, if they are more than it endures. */
  #tooManyDead({ play, hosts }: SelectedPlay): string | undefined {
    const dead = hosts.filter(h => this.#fleet.isDropped(h))
    const rolling = play.serial !== undefined || play.invariant !== undefined
    return rolling && dead.length > (play.maxFail ?? 0)
      ? dead.map(h => h.name).join(', ')
      : undefined
  }

  #hasWork(selected: SelectedPlay, host: Host): boolean {
    return this.#fleet.get(host).touched || this.#planner.hasWork(selected, host)
  }

  async #ordered(selected: SelectedPlay, hosts: readonly Host[]): Promise<readonly Host[]> {
    const { order } = selected.play
    if (!order) return hosts
    const ranks = new Map<string, number>()
    await this.#fleet.each(
      hosts,
      async host => void ranks.set(host.name, await this.#inside(selected, host, order)),
    )
    return hosts
      .filter(h => ranks.has(h.name))
      .sort((a, b) => (ranks.get(a.name) ?? 0) - (ranks.get(b.name) ?? 0))
  }

  #inside<T>(selected: SelectedPlay, host: Host, fn: () => Promise<T>): Promise<T> {
    return this.#planner
      .roleRun(PLAY, this.#pass, this.#fleet.get(host), selected, new Set())
      .inside(fn)
  }

  async #inBatches(selected: SelectedPlay, hosts: readonly Host[]): Promise<void> {
    const { play } = selected
    for (const batch of batches(hosts, play.serial)) {
      if (this.#over || !(await this.#holds(selected, 'before', batch))) return
      if (this.#fleet.touched.length > 0) this.#fleet.forget()
      await this.#fleet.each(batch, host => this.#host(selected, host))
      if (this.#o.stop.aborted) return
      if (this.#tooManyDead(selected))
        return this.#stop(
          `${play.name}: stopped after ${batch.map(h => h.name).join(', ')}; the hosts after it were not touched`,
        )
      if (!(await this.#holds(selected, 'after', batch))) return
    }
  }

  async #host(selected: SelectedPlay, host: Host): Promise<void> {
    await this.#fleet.get(host).revive()
    for (const role of selected.roles) {
      const planned = this.#planner.of(selected, host).get(role.name) ?? []
      // On a host that has been touched, or was not there, even an empty plan may have been overtaken.
      const sure = !this.#fleet.get(host).touched && !this.#fleet.wasNew(host)
      if (sure && !hasWork(planned)) this.#planner.showRecords(selected, host, planned)
      else if (!(await this.#role(selected, role, host, planned))) return
    }
    this.#passes(selected, host)
    this.#emit({ type: 'host', host: host.name, state: 'done' })
  }

  /** False when the host goes no further. */
  async #role(
    selected: SelectedPlay,
    role: Role,
    host: Host,
    planned: readonly TaskRecord[],
  ): Promise<boolean> {
    const expected = planned.filter(r => r.changes.length > 0)
    const roleRun = this.#planner.roleRun(
      role,
      this.#pass,
      this.#fleet.get(host),
      selected,
      new Set(expected.map(recordKey)),
    )
    try {
      await roleRun.perform()
    } catch (error) {
      if (isAbort(error)) return false
      if (!roleRun.records.some(r => r.error)) throw error
      this.#fleet.drop(host)
      return false
    }
    const seen = new Set(roleRun.records.map(recordKey))
    for (const record of expected)
      if (!seen.has(recordKey(record))) this.#emit(unneededEvent(selected.play.name, record))
    return true
  }

  /** A broken invariant is a failed task of the batch's first host, and ends the run. */
  async #holds(
    selected: SelectedPlay,
    when: 'before' | 'after',
    batch: readonly Host[],
  ): Promise<boolean> {
    const { play } = selected
    const host = batch.find(h => !this.#fleet.isDropped(h))
    if (!play.invariant || !host) return true
    const name = `invariant ${play.invariant.name} ${when} ${batch.map(h => h.name).join(', ')}`
    const start = performance.now()
    const error = await this.#broken(selected, when, batch, host, name)
    this.#emit(
      appliedEvent(
        play.name,
        { host: host.name, role: 'play', name, changes: [], ms: performance.now() - start, error },
        new Set(),
      ),
    )
    if (error)
      this.#stop(
        `${play.name}: stopped ${when} ${batch.map(h => h.name).join(', ')}; the other hosts were not touched`,
      )
    return !error
  }

  async #broken(
    selected: SelectedPlay,
    when: 'before' | 'after',
    batch: readonly Host[],
    host: Host,
    name: string,
  ): Promise<Error | undefined> {
    const { invariant } = selected.play
    if (!invariant) return undefined
    const seconds = when === 'before' ? 0 : (invariant.timeoutSeconds ?? INVARIANT_SECONDS)
    const end = performance.now() + seconds * 1000
    try {
      for (;;) {
        const answer = await this.#inside(selected, host, () =>
          invariant.check(
            when,
            batch.map(h => h.name),
          ),
        )
        if (answer === true) return undefined
        const wrong = answer === false ? 'it does not hold' : answer
        if (performance.now() >= end || this.#o.stop.aborted)
          return new TaskError(`${name}: ${wrong}`)
        this.#emit({
          type: 'working',
          host: host.name,
          play: selected.play.name,
          role: 'play',
          task: name,
          text: wrong,
        })
        await new Promise(resolve => setTimeout(resolve, INVARIANT_EVERY_MS))
      }
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error))
    }
  }
}

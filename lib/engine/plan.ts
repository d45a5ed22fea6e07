import { UnreachableError } from '../errors.ts'
import type { Host } from '../inventory/types.ts'
import { loadZx } from '../shell/zx.ts'
import { isAbort } from './role/failed.ts'
import type { Fleet } from './host/fleet.ts'
import type { HostRun } from './host/host-run.ts'
import type { Emit, RunOptions } from './settings.ts'
import { Pass } from './role/pass.ts'
import type { Role } from './define/role.ts'
import type { Predicted, TaskRecord } from './role/record.ts'
import { RoleRun } from './role/role-run.ts'
import { varsKey, type SelectedPlay } from './define/select.ts'
import { appliedEvent, plannedEvent } from './task-events.ts'

/** What one play on one host came to, role by role. */
export type Records = Map<string, readonly TaskRecord[]>

const NONE: Predicted = new Set()

/** Would the role have something to do: a change, or a gate to wait for? */
export const hasWork = (records: readonly TaskRecord[]): boolean =>
  records.some(r => r.changes.length > 0 || r.waiting !== undefined)

/** Sweeps over hosts without writing, and keeps what they found. */
export class Planner {
  readonly #o: RunOptions
  readonly #fleet: Fleet
  readonly #emit: Emit
  readonly #plans = new Map<string, Records>()
  /** Taking the first plan: hosts may be planned that are not there yet. */
  #first = false

  constructor(o: RunOptions, fleet: Fleet, emit: Emit) {
    this.#o = o
    this.#fleet = fleet
    this.#emit = emit
  }

  /** Connects to all hosts and plans all their plays, at once; hosts that others would make come after those. */
  async planAll(): Promise<void> {
    const { arrivals, hosts } = this.#fleet
    const pass = new Pass('plan')
    const zx = loadZx()
    const plan = (some: readonly Host[]): Promise<void> =>
      this.#fleet.each(some, host => this.#planHost(pass, host, zx))
    this.#first = true
    const creators = hosts.filter(h => arrivals.isCreator(h))
    // First in the queue: the others may wait for them.
    const taken = plan(creators).then(() => arrivals.close())
    await Promise.all([taken, plan(hosts.filter(h => !creators.includes(h)))])
    await this.#planAnew(hosts.filter(h => arrivals.hasSaid(h.name) && !this.#fleet.isNew(h)))
    this.#first = false
  }

  /** Hosts that are there and will be made anew: what they are now does not matter. */
  async #planAnew(some: readonly Host[]): Promise<void> {
    const pass = new Pass('plan')
    const due = some.flatMap(host => {
      const creator = this.#fleet.arrivals.creatorOf(host)
      return creator && !this.#fleet.isDropped(creator) ? [[host, creator] as const] : []
    })
    for (const [host, creator] of due) this.#fleet.anew(host, creator)
    await this.#fleet.each(
      due.map(([host]) => host),
      async host => {
        const run = await this.#fleet.foresee(host)
        for (const selected of this.#o.stages.flat().filter(p => p.hosts.includes(host)))
          if (!(await this.sweep(pass, selected, run, this.of(selected, host)))) return
      },
    )
  }

  async #planHost(pass: Pass, host: Host, zx: Promise<unknown>): Promise<void> {
    this.#emit({ type: 'host', host: host.name, state: 'connecting' })
    const plays = this.#o.stages.flat().filter(p => p.hosts.includes(host))
    const run = await this.#fleet.foresee(host).catch((error: unknown) => {
      const silent = error instanceof UnreachableError && error.silent
      if (silent && plays.every(p => p.play.allowUnreachable)) return this.#fleet.gone(host)
      throw error
    })
    await zx
    if (!this.#fleet.isNew(host)) this.#emit({ type: 'host', host: host.name, state: 'connected' })
    for (const selected of plays)
      if (!(await this.sweep(pass, selected, run, this.of(selected, host)))) return
  }

  /** What a play's hosts that were not there when they were planned have become. */
  async connectNew({ hosts }: SelectedPlay): Promise<void> {
    const strangers = hosts.filter(h => this.#fleet.isNew(h))
    await this.#fleet.each(strangers, async host => {
      this.#emit({ type: 'host', host: host.name, state: 'connecting' })
      await this.#fleet.connectNew(host)
      this.#emit({ type: 'host', host: host.name, state: 'connected' })
    })
  }

  /** What this run has changed elsewhere may give a host work that its first plan did not see. */
  async planAgain(selected: SelectedPlay): Promise<void> {
    if (this.#fleet.touched.length === 0) return
    this.#fleet.forget()
    const idle = selected.hosts.filter(
      h => !this.#fleet.isDropped(h) && !this.#fleet.get(h).touched && !this.hasWork(selected, h),
    )
    const pass = new Pass('plan')
    await this.#fleet.each(idle, async host => {
      const run = this.#fleet.get(host)
      await run.refresh()
      await this.sweep(pass, selected, run, this.of(selected, host))
    })
  }

  of(selected: SelectedPlay, host: Host): Records {
    const key = `${selected.play.name}\0${host.name}`
    let records = this.#plans.get(key)
    if (!records) this.#plans.set(key, (records = new Map<string, readonly TaskRecord[]>()))
    return records
  }

  hasWork(selected: SelectedPlay, host: Host): boolean {
    return [...this.of(selected, host).values()].some(hasWork)
  }

  /** One play's roles on one host. False when a task failed: it is in the records, and the host is dropped. */
  async sweep(pass: Pass, selected: SelectedPlay, run: HostRun, into: Records): Promise<boolean> {
    for (const role of selected.roles) {
      const roleRun = this.roleRun(role, pass, run, selected, NONE)
      try {
        await roleRun.perform()
      } catch (error) {
        if (isAbort(error)) return false
        if (!roleRun.records.some(r => r.error)) throw error
        this.#fleet.drop(run.host)
        return false
      } finally {
        into.set(role.name, roleRun.records)
      }
    }
    return true
  }

  async #reach(name: string, asker: Host): Promise<HostRun> {
    const other = this.#o.inventory.hosts.get(name)
    if (!this.#first || !other) return this.#fleet.reach(name)
    const run = await this.#fleet.foresee(other, asker)
    await run.revive()
    return run
  }

  roleRun(
    role: Role,
    pass: Pass,
    run: HostRun,
    { play }: SelectedPlay,
    predicted: Predicted,
  ): RoleRun {
    const around = {
      inventory: this.#o.inventory,
      wantDiff: this.#o.diff,
      artifactsDir: this.#o.artifactsDir,
      begun: this.#o.begun,
      keepDir: this.#o.keepDir,
      observe: (host: string, role: string, found: unknown) =>
        void this.#o.found.set(`${host}\0${role}`, found),
      signal: this.#o.stop,
      reach: (name: string) => this.#reach(name, run.host),
      willExist: (name: string) => this.#fleet.arrivals.announce(name),
      working: (host: string, roleName: string, task: string, text?: string) =>
        this.#emit({
          type: 'working',
          host,
          play: play.name,
          role: roleName,
          task,
          ...(text === undefined ? {} : { text }),
        }),
      finished: (record: TaskRecord) => this.#emit(appliedEvent(play.name, record, predicted)),
    }
    return new RoleRun({
      role,
      vars: this.#o.vars.get(varsKey(role, run.host)),
      pass,
      run,
      predicted,
      around,
    })
  }

  /** The plan as events, play by play and host by host. */
  showAll(): void {
    for (const selected of this.#o.stages.flat())
      for (const host of selected.hosts) this.show(selected, host)
  }

  /** Of a plan that nobody will carry out: what failed in it. */
  showFailed(): void {
    for (const selected of this.#o.stages.flat())
      for (const host of selected.hosts)
        for (const records of this.of(selected, host).values())
          this.showRecords(
            selected,
            host,
            records.filter(r => r.error),
          )
  }

  /** How many changes are planned on each host; hosts without any are left out. */
  planned(): (readonly [host: string, changes: number])[] {
    return this.#fleet.hosts.flatMap(host => {
      const records = this.#o.stages
        .flat()
        .filter(p => p.hosts.includes(host))
        .flatMap(p => [...this.of(p, host).values()].flat())
      const changes = records.filter(r => r.changes.length > 0 && !r.error).length
      return changes === 0 ? [] : [[host.name, changes] as const]
    })
  }

  show(selected: SelectedPlay, host: Host): void {
    for (const records of this.of(selected, host).values())
      this.showRecords(selected, host, records)
  }

  showRecords(selected: SelectedPlay, host: Host, records: readonly TaskRecord[]): void {
    const elsewhere = this.#changesOutside(host)
    for (const record of records) this.#emit(plannedEvent(selected.play.name, record, elsewhere))
  }

  /** A gate that is closed now may open by what other hosts are about to change. */
  #changesOutside(host: Host): boolean {
    for (const [key, planned] of this.#plans)
      if (!key.endsWith(`\0${host.name}`))
        for (const records of planned.values())
          if (records.some(r => r.changes.length > 0)) return true
    return false
  }
}

import pLimit from 'p-limit'
import { EXIT, FmcError, TaskError } from '../errors.ts'
import type { Host, Inventory } from '../inventory/types.ts'
import { redactor } from '../secrets/redact.ts'
import type { Secret } from '../secrets/secret.ts'
import { loadZx } from '../shell/zx.ts'
import { connect, type ConnectOptions } from './connect.ts'
import type { Event } from './events.ts'
import { Forecast } from './forecast.ts'
import type { HostRun } from './host-run.ts'
import { LockedError } from './lock.ts'
import { Recap } from './recap.ts'
import { batches } from './batches.ts'
import type { Invariant, Role } from './role.ts'
import { isUnreachable, PassState, RoleRun, type Predicted, type Surroundings, type TaskRecord } from './role-run.ts'
import { varsKey, type CheckedVars, type SelectedPlay } from './select.ts'
import { appliedEvent, failureOf, notIdempotentEvent, plannedEvent, unneededEvent } from './task-events.ts'

export interface RunOptions extends ConnectOptions {
  readonly inventory: Inventory
  readonly stages: readonly (readonly SelectedPlay[])[]
  readonly vars: CheckedVars
  readonly dryRun: boolean
  readonly diff: boolean
  /** Hosts worked on at the same time. */
  readonly forks: number
  readonly lab: boolean
  /** A dry run with changes pending exits 3. */
  readonly pendingIsError: boolean
  readonly artifactsDir: string | undefined
  readonly secrets: readonly Secret[]
  /** Aborted: start no further task. */
  readonly stop: AbortSignal
  /** Aborted: end what is running on the hosts, too. */
  readonly kill: AbortSignal
  emit(event: Event): void
}

/** What was planned for one play on one host, role by role. */
type Planned = Map<string, readonly TaskRecord[]>

const PLAY_ITSELF: Role = { name: 'play', summary: '', vars: undefined as never, tasks: () => Promise.resolve(), handlers: {} }

/** Plan, apply, verify. Never throws for a host's failure: those are events. Resolves with the exit code. */
export const run = (options: RunOptions): Promise<number> => new Runner(options).run()

class Runner {
  readonly #o: RunOptions
  readonly #hosts: readonly Host[]
  readonly #open = new Map<string, Promise<HostRun>>()
  readonly #saves: (() => void)[] = []
  readonly #runs = new Map<string, HostRun>()
  /** Why a host takes no further part. */
  readonly #dead = new Set<string>()
  readonly #plans = new Map<string, Planned>()
  readonly #recap: Recap
  #forecasts = new Map<string, Forecast>()
  readonly #redact: (text: string) => string
  #locked: Error | undefined
  #stopped = false

  constructor(o: RunOptions) {
    this.#o = o
    const names = new Set(o.stages.flat().flatMap(p => p.hosts.map(h => h.name)))
    this.#hosts = [...o.inventory.hosts.values()].filter(h => names.has(h.name))
    this.#recap = new Recap(this.#hosts.map(h => h.name))
    this.#redact = redactor(o.secrets)
  }

  async run(): Promise<number> {
    const start = performance.now()
    this.#o.kill.addEventListener('abort', () => this.#killAll(), { once: true })
    this.#emitStart()
    try {
      await this.#planAll()
      if (this.#locked) return this.#end(start, EXIT.failed)
      if (this.#o.dryRun || this.#o.stop.aborted) this.#showPlan()
      else {
        await this.#applyAll()
        if (!this.#o.stop.aborted) await this.#verifyAll()
      }
    } finally {
      for (const save of this.#saves) save()
      for (const host of this.#runs.values()) host.session.close()
    }
    return this.#end(start)
  }

  #end(start: number, code?: number): number {
    const seconds = Math.round(performance.now() - start) / 1000
    const recap = this.#recap.event({ dryRun: this.#o.dryRun, seconds, interrupted: this.#o.stop.aborted, pendingIsError: this.#o.pendingIsError })
    const event = code === undefined ? recap : { ...recap, exitCode: code }
    this.#o.emit(event)
    return event.exitCode
  }

  #emit(event: Event): void {
    const safe = this.#o.secrets.length === 0 || event.type === 'recap' ? event : (withTexts(event, this.#redact) as Event)
    this.#recap.count(safe)
    this.#o.emit(safe)
  }

  #emitStart(): void {
    const plays = this.#o.stages.flat().map(p => ({ play: p.play.name, hosts: p.hosts.map(h => h.name), roles: p.roles.map(r => r.name) }))
    this.#emit({ type: 'start', command: this.#o.command, dryRun: this.#o.dryRun, lab: this.#o.lab, plays, hosts: this.#hosts.map(h => h.name) })
  }

  /** End every remote process and close: the second Ctrl-C. */
  #killAll(): void {
    for (const host of this.#runs.values())
      void host.session.interrupt('TERM').catch(() => undefined).finally(() => host.session.close())
  }

  // ---- connecting

  #connect(host: Host, lock: 'exclusive' | 'shared'): Promise<HostRun> {
    let opening = this.#open.get(host.name)
    if (!opening) {
      const roles = this.#o.stages.flat().filter(p => p.hosts.includes(host)).flatMap(p => p.roles.map(r => r.name))
      opening = connect(host, [...new Set(roles)], lock, this.#o).then(({ run, save }) => {
        this.#runs.set(host.name, run)
        this.#saves.push(save)
        return run
      })
      this.#open.set(host.name, opening)
    }
    return opening
  }

  /** A failure outside of any task. */
  #hostFailed(host: Host, error: unknown): void {
    this.#dead.add(host.name)
    if (error instanceof LockedError) this.#locked = error
    if (this.#o.stop.aborted && isAbort(error)) return
    if (!(error instanceof Error)) throw error
    const failure = failureOf(error)
    const state = isUnreachable(error) ? 'unreachable' : 'failed'
    this.#emit({ type: 'host', host: host.name, state, failure: error instanceof FmcError || error instanceof LockedError ? failure : { ...failure, ...(error.stack === undefined ? {} : { output: error.stack }) } })
  }

  // ---- the passes

  async #planAll(): Promise<void> {
    this.#emit({ type: 'pass', pass: 'plan', state: 'start' })
    const limit = pLimit(this.#o.forks)
    const zx = loadZx()
    await Promise.all(
      this.#hosts.map(host =>
        limit(async () => {
          if (this.#o.stop.aborted) return
          this.#emit({ type: 'host', host: host.name, state: 'connecting' })
          try {
            const run = await this.#connect(host, this.#o.dryRun ? 'shared' : 'exclusive')
            await zx
            this.#emit({ type: 'host', host: host.name, state: 'connected' })
            await this.#planHost(run)
          } catch (error) {
            this.#hostFailed(host, error)
          }
        }),
      ),
    )
    this.#emit({ type: 'pass', pass: 'plan', state: 'end' })
  }

  async #planHost(run: HostRun): Promise<void> {
    const state = new PassState()
    for (const selected of this.#o.stages.flat()) {
      if (!selected.hosts.includes(run.host)) continue
      if (!(await this.#sweep('plan', selected, run, state, this.#planned(selected, run.host)))) return
    }
  }

  #planned(selected: SelectedPlay, host: Host): Planned {
    const key = `${selected.play.name}\0${host.name}`
    let planned = this.#plans.get(key)
    if (!planned) this.#plans.set(key, (planned = new Map<string, readonly TaskRecord[]>()))
    return planned
  }

  /** One play's roles on one host without writing. False when a task failed: it is in the records. */
  async #sweep(mode: 'plan' | 'verify', selected: SelectedPlay, run: HostRun, state: PassState, into: Planned): Promise<boolean> {
    for (const role of selected.roles) {
      const roleRun = this.#roleRun(role, mode, run, selected, state)
      try {
        await roleRun.perform()
      } catch (error) {
        if (isAbort(error)) return false
        if (!roleRun.records.some(r => r.error)) throw error
        into.set(role.name, roleRun.records)
        this.#dead.add(run.host.name)
        return false
      }
      into.set(role.name, roleRun.records)
    }
    return true
  }

  #roleRun(role: Role, mode: 'plan' | 'apply' | 'verify', run: HostRun, selected: SelectedPlay, state: PassState, predicted?: Predicted): RoleRun {
    return new RoleRun({ role, vars: this.#o.vars.get(varsKey(role, run.host)), mode, run, state, predicted, around: this.#surroundings(selected, run, predicted) })
  }

  #surroundings(selected: SelectedPlay, run: HostRun, predicted: Predicted | undefined): Surroundings {
    const play = selected.play.name
    return {
      inventory: this.#o.inventory,
      wantDiff: this.#o.diff,
      artifactsDir: this.#o.artifactsDir,
      signal: this.#o.stop,
      reach: name => {
        const host = this.#o.inventory.hosts.get(name)
        if (!host) throw new TaskError(`the inventory has no host ${name}`)
        return this.#connect(host, 'shared')
      },
      forecastOf: ({ host }) => {
        let forecast = this.#forecasts.get(host.name)
        if (!forecast) this.#forecasts.set(host.name, (forecast = new Forecast()))
        return forecast
      },
      working: (host, role, task, text) => this.#emit({ type: 'working', host, play, role, task, ...(text === undefined ? {} : { text }) }),
      recordElsewhere: ({ host }, record) => this.#emit(appliedEvent({ host: host.name, play }, record, new Set())),
      finished: record => this.#emit(appliedEvent({ host: run.host.name, play }, record, predicted ?? new Set())),
    }
  }

  /** The whole plan as events, play by play and host by host. */
  #showPlan(): void {
    for (const selected of this.#o.stages.flat()) for (const host of selected.hosts) this.#showPlanned(selected, host)
  }

  #showPlanned(selected: SelectedPlay, host: Host): void {
    for (const [, records] of this.#planned(selected, host)) this.#showRecords(selected, host, records)
  }

  #showRecords(selected: SelectedPlay, host: Host, records: readonly TaskRecord[]): void {
    const elsewhere = this.#changesOutside(host)
    for (const record of records) this.#emit(plannedEvent({ host: host.name, play: selected.play.name }, record, elsewhere))
  }

  #changesOutside(host: Host): boolean {
    for (const [key, planned] of this.#plans)
      if (!key.endsWith(`\0${host.name}`)) for (const records of planned.values()) if (records.some(r => r.changes.length > 0)) return true
    return false
  }

  async #applyAll(): Promise<void> {
    this.#emit({ type: 'pass', pass: 'apply', state: 'start' })
    const limit = pLimit(this.#o.forks)
    for (const stage of this.#o.stages) {
      if (this.#stopped || this.#o.stop.aborted) break
      await Promise.all(stage.map(selected => this.#applyPlay(selected, limit)))
    }
    this.#emit({ type: 'pass', pass: 'apply', state: 'end' })
  }

  async #applyPlay(selected: SelectedPlay, limit: <T>(fn: () => Promise<T>) => Promise<T>): Promise<void> {
    const { play } = selected
    this.#emit({ type: 'play', play: play.name, state: 'start', hosts: selected.hosts.map(h => h.name) })
    await this.#planAgain(selected, limit)
    const rolling = play.serial !== undefined || play.invariant !== undefined
    const alive = selected.hosts.filter(h => !this.#dead.has(h.name))
    for (const host of selected.hosts) if (this.#dead.has(host.name)) this.#showPlanned(selected, host)
    const atWork = alive.filter(h => this.#hasWork(selected, h))
    for (const host of alive) if (!atWork.includes(host)) this.#showPlanned(selected, host)
    if (rolling && atWork.length > 0 && alive.length < selected.hosts.length) this.#stop(`${play.name}: stopped before the first host: ${selected.hosts.filter(h => this.#dead.has(h.name)).map(h => h.name).join(', ')} failed or could not be reached`)
    else if (atWork.length > 0) await this.#applyBatches(selected, await this.#inOrder(selected, atWork), rolling, limit)
    this.#emit({ type: 'play', play: play.name, state: 'end', hosts: selected.hosts.map(h => h.name) })
  }

  /** Changes that this run has made elsewhere may give a host work that its first plan did not see. */
  async #planAgain(selected: SelectedPlay, limit: <T>(fn: () => Promise<T>) => Promise<T>): Promise<void> {
    if (![...this.#runs.values()].some(r => r.touched)) return
    const idle = selected.hosts.filter(h => !this.#dead.has(h.name) && !this.#hasWork(selected, h))
    await Promise.all(
      idle.map(host =>
        limit(async () => {
          const run = this.#runs.get(host.name)
          if (!run) return
          try {
            await run.refresh()
            this.#forecasts.delete(host.name)
            await this.#sweep('plan', selected, run, new PassState(), this.#planned(selected, host))
          } catch (error) {
            this.#hostFailed(host, error)
          }
        }),
      ),
    )
  }

  #hasWork(selected: SelectedPlay, host: Host): boolean {
    if (this.#runs.get(host.name)?.touched) return true
    for (const records of this.#planned(selected, host).values()) if (records.some(r => r.changes.length > 0 || r.waiting !== undefined)) return true
    return false
  }

  async #inOrder(selected: SelectedPlay, hosts: readonly Host[]): Promise<readonly Host[]> {
    const { order } = selected.play
    if (!order) return hosts
    const ranks = new Map<string, number>()
    await Promise.all(hosts.map(async host => ranks.set(host.name, await this.#inside(selected, host, order))))
    return [...hosts].sort((a, b) => (ranks.get(a.name) ?? 0) - (ranks.get(b.name) ?? 0))
  }

  #inside<T>(selected: SelectedPlay, host: Host, fn: () => Promise<T>): Promise<T> {
    const run = this.#runs.get(host.name)
    if (!run) throw new TaskError(`${host.name} is not connected`)
    return this.#roleRun(PLAY_ITSELF, 'apply', run, selected, new PassState()).inside(fn)
  }

  async #applyBatches(selected: SelectedPlay, hosts: readonly Host[], rolling: boolean, limit: <T>(fn: () => Promise<T>) => Promise<T>): Promise<void> {
    const { play } = selected
    let failures = 0
    for (const batch of batches(hosts, play.serial)) {
      if (this.#stopped || this.#o.stop.aborted) return
      if (!(await this.#holds(selected, play.invariant, 'before', batch))) return
      await Promise.all(batch.map(host => limit(() => this.#applyHost(selected, host))))
      if (this.#o.stop.aborted) return
      failures += batch.filter(h => this.#dead.has(h.name)).length
      if (rolling && failures > (play.maxFail ?? 0)) {
        this.#stop(`${play.name}: stopped after ${batch.map(h => h.name).join(', ')}; the hosts after it were not touched`)
        return
      }
      if (!(await this.#holds(selected, play.invariant, 'after', batch))) return
    }
  }

  #stop(text: string): void {
    this.#stopped = true
    this.#emit({ type: 'note', level: 'warning', text })
  }

  /** False when the invariant is broken: it is reported as a failed task of the batch's first host, and the run stops. */
  async #holds(selected: SelectedPlay, invariant: Invariant | undefined, when: 'before' | 'after', batch: readonly Host[]): Promise<boolean> {
    const host = batch.find(h => !this.#dead.has(h.name))
    if (!invariant || !host) return true
    const name = `invariant ${invariant.name} ${when} ${batch.map(h => h.name).join(', ')}`
    const start = performance.now()
    const end = start + (when === 'before' ? 0 : (invariant.timeoutSeconds ?? 60) * 1000)
    let error: Error | undefined
    try {
      for (;;) {
        const answer = await this.#inside(selected, host, () => invariant.check(when, batch.map(h => h.name)))
        if (answer === true) break
        if (performance.now() >= end) {
          error = new TaskError(`${name}: ${answer === false ? 'it does not hold' : answer}`)
          break
        }
        await new Promise(resolve => setTimeout(resolve, 500))
      }
    } catch (cause) {
      error = cause instanceof Error ? cause : new Error(String(cause))
    }
    const record: TaskRecord = { role: 'play', name, changes: [], ms: performance.now() - start, error }
    this.#emit(appliedEvent({ host: host.name, play: selected.play.name }, record, new Set()))
    if (error) this.#stop(`${selected.play.name}: stopped; the other hosts were not touched`)
    return !error
  }

  async #applyHost(selected: SelectedPlay, host: Host): Promise<void> {
    const run = this.#runs.get(host.name)
    if (!run) return
    const state = new PassState()
    for (const role of selected.roles) {
      const records = this.#planned(selected, host).get(role.name) ?? []
      const work = run.touched || records.some(r => r.changes.length > 0 || r.waiting !== undefined)
      if (!work) {
        this.#showRecords(selected, host, records)
        continue
      }
      if (!(await this.#applyRole(selected, role, run, state, records))) return
    }
    this.#emit({ type: 'host', host: host.name, state: 'done' })
  }

  async #applyRole(selected: SelectedPlay, role: Role, run: HostRun, state: PassState, records: readonly TaskRecord[]): Promise<boolean> {
    const predicted = new Set(records.filter(r => r.changes.length > 0).map(r => r.name))
    const roleRun = this.#roleRun(role, 'apply', run, selected, state, predicted)
    try {
      await roleRun.perform()
    } catch (error) {
      if (isAbort(error)) return false
      if (roleRun.records.some(r => r.error)) this.#dead.add(run.host.name)
      else this.#hostFailed(run.host, error)
      return false
    }
    const seen = new Set(roleRun.records.map(r => r.name))
    for (const name of predicted) if (!seen.has(name)) this.#emit(unneededEvent({ host: run.host.name, play: selected.play.name }, role.name, name))
    return true
  }

  async #verifyAll(): Promise<void> {
    const touched = [...this.#runs.values()].filter(r => r.touched && !this.#dead.has(r.host.name))
    if (touched.length === 0) return
    this.#emit({ type: 'pass', pass: 'verify', state: 'start' })
    this.#forecasts = new Map()
    const limit = pLimit(this.#o.forks)
    await Promise.all(touched.map(run => limit(() => this.#verifyHost(run).catch((error: unknown) => this.#hostFailed(run.host, error)))))
    this.#emit({ type: 'pass', pass: 'verify', state: 'end' })
  }

  async #verifyHost(run: HostRun): Promise<void> {
    await run.refresh()
    const state = new PassState()
    for (const selected of this.#o.stages.flat()) {
      if (!selected.hosts.includes(run.host)) continue
      const found: Planned = new Map()
      const fine = await this.#sweep('verify', selected, run, state, found)
      for (const records of found.values())
        for (const record of records.filter(r => r.changes.length > 0 || r.error))
          this.#emit(notIdempotentEvent({ host: run.host.name, play: selected.play.name }, record))
      if (!fine) return
    }
  }
}

const isAbort = (error: unknown): boolean => error instanceof Error && (error.name === 'AbortError' || (error.cause !== undefined && isAbort(error.cause)))

/** A copy of plain data with every text in it replaced. */
function withTexts(value: unknown, replace: (text: string) => string): unknown {
  if (typeof value === 'string') return replace(value)
  if (Array.isArray(value)) return value.map(v => withTexts(v, replace))
  if (typeof value === 'object' && value !== null) return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, withTexts(v, replace)]))
  return value
}

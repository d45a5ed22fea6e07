import { TaskError } from '../../errors.ts'
import { ask, type Facts, type FamilyName, type Query } from '../../facts/index.ts'
import { platformOf } from '../../inventory/platform.ts'
import type { Host } from '../../inventory/types.ts'
import {
  within,
  type Consequences,
  type Fence,
  type Mode,
  type PlannedChange,
  type RoleSettings,
  type Scope,
  type TaskResult,
  type TaskRun,
} from '../../resources/scope.ts'
import type { Play } from '../define/playbook.ts'
import type { Role } from '../define/role.ts'
import { varsKey } from '../define/select.ts'
import type { HostRun } from '../host/host-run.ts'
import type { Run } from '../settings.ts'
import { appliedEvent, workingEvent } from '../task-events.ts'
import { taskFailure } from './failed-task.ts'
import { Fences } from './fences.ts'
import { Handlers, type DueHandler } from './handlers.ts'
import { Interruption } from './interruption.ts'
import { markScript, marksOf, unmarkScript } from './marks.ts'
import type { EnginePass, HostPass } from './pass.ts'
import { recordKey, type Predicted, type TaskRecord } from './record.ts'
import { RunningTasks } from './running-tasks.ts'

/** What a role run belongs to. */
export interface RoleRunOptions {
  readonly run: Run
  readonly play: Play
  readonly role: Role
  readonly pass: EnginePass
  readonly host: HostRun
  /** For the apply pass: the tasks that the plan predicts to change something. */
  readonly predicted?: Predicted
}

/** One role on one host in one pass. A task that starts or still runs after the role's function has returned was not awaited. */
export class RoleRun implements Scope {
  readonly settings: RoleSettings
  readonly host: Host
  readonly role: string
  readonly mode: Mode
  /** What the role's tasks found or did, on this host and, through `on`, on others. */
  readonly records: TaskRecord[]
  readonly #o: RoleRunOptions
  readonly #pass: HostPass
  readonly #vars: unknown
  /** The run on the role's own host: this run, unless `on` has started it. */
  readonly #home: RoleRun
  /** Runs of the role on other hosts, started by `on`. */
  readonly #elsewhere = new Map<string, RoleRun>()
  readonly #tasks: RunningTasks
  readonly #handlers: Handlers
  readonly #fences = new Fences()
  readonly #interruption: Interruption
  /** A handler is running: what it does belongs to the handler's task. */
  #inHandler = false

  constructor(o: RoleRunOptions, home?: RoleRun) {
    this.settings = o.run.settings
    this.host = o.host.host
    this.role = o.role.name
    this.mode = o.pass.mode
    this.#o = o
    this.#home = home ?? this
    this.records = home?.records ?? []
    this.#vars = home ? home.#vars : o.run.settings.vars.get(varsKey(o.role, this.host))
    this.#interruption = home ? home.#interruption : new Interruption(o.run.settings.stop)
    this.#pass = o.pass.of(this.host.name)
    this.#handlers = new Handlers(o.role)
    this.#tasks = new RunningTasks(this.role)
  }

  get doubt(): string | undefined {
    return this.#pass.doubt
  }
  get dirty(): boolean {
    return this.#pass.dirty
  }
  markEstimate(): void {
    this.#pass.estimate = true
  }
  observe(found: unknown): void {
    this.#o.run.settings.found.set(`${this.host.name}\0${this.role}`, found)
  }
  willExist(name: string): void {
    if (this.settings.inventory.hosts.get(name)?.vmOn !== this.host.name)
      throw new TaskError(`${name} is not a VM of ${this.host.name}`, {
        hint: `the inventory must say vm_on: ${this.host.name} for it`,
      })
    if (this.mode === 'plan') this.#o.run.fleet.arrivals.announce(name)
  }

  read<F extends FamilyName>(
    query: Query<F>,
    options: { readonly fresh?: boolean } = {},
  ): Promise<Facts[F]> {
    return this.#pass.read(query, this.#o.host.answers, options.fresh)
  }

  /** Runs the whole role: its tasks, then the handlers that are due. Throws the first error. */
  async perform(): Promise<void> {
    const all = (): RoleRun[] => [this, ...this.#elsewhere.values()]
    try {
      await within(this, async () => {
        await this.#o.role.tasks(this.#context())
        for (const there of all()) there.#tasks.checkAwaited(0)
        await this.flush()
      })
      // Only where the role had tasks: a host that it merely read keeps its pending handlers.
      for (const there of this.#elsewhere.values())
        if (there.#tasks.any) await within(there, () => there.flush())
    } finally {
      for (const there of all()) there.#tasks.close()
    }
  }

  /** Throws TaskError for an operating system that the role does not support. */
  #context(): never {
    const { role } = this.#o
    const platform = role.platforms && platformOf(role.name, role.platforms, this.host)
    return { vars: this.#vars, host: this.host, platform } as never
  }

  async task(
    name: string,
    body: (task: TaskRun) => Promise<TaskResult>,
  ): Promise<{ readonly changed: boolean }> {
    this.#tasks.checkOpen(name)
    this.#interruption.check()
    this.#tasks.checkAwaited(this.#inHandler ? 1 : 0)
    const id = this.#tasks.start(name)
    const task = { host: this.host.name, role: this.role, name: id }
    if (!this.#inHandler && this.mode === 'apply') this.#progress(id)
    this.#o.host.answers.lookAhead(
      this.mode === 'apply' && this.#o.predicted?.has(recordKey(task)) !== true,
    )
    const start = performance.now()
    try {
      const result = await body(this.#taskRun(id))
      if (result.changes.length > 0) this.#pass.dirty = true
      const estimate = this.#pass.estimate || undefined
      this.#record({ ...task, ms: performance.now() - start, estimate, ...result })
      return { changed: result.changes.length > 0 }
    } catch (cause) {
      if (cause instanceof Error && cause.name === 'AbortError') throw cause
      const error = taskFailure(id, cause)
      this.#record({ ...task, changes: [], ms: performance.now() - start, error })
      throw error
    } finally {
      this.#tasks.end(id)
    }
  }

  #taskRun(id: string): TaskRun {
    const { host } = this.#o
    return {
      carryOut: (changes, consequences) => this.#carryOut(id, changes, consequences),
      take: (script, into, limits) => host.take(script, into, limits),
      onNewConnection: (script, ms) => host.onNewConnection(script, ms),
      progress: text => this.#progress(id, text),
    }
  }

  async #carryOut(
    id: string,
    changes: readonly PlannedChange[],
    { notify = [], opaque = false }: Consequences = {},
  ): Promise<void> {
    const handlers = typeof notify === 'string' ? [notify] : notify
    this.#handlers.check(handlers)
    if (changes.length === 0) return
    if (this.mode === 'apply') {
      const marks = this.#inHandler ? '' : markScript(this.role, handlers)
      await this.#fences.write(ahead => this.#o.host.write(changes, [...ahead, marks].join('\n')))
    } else {
      this.#pass.forecast.add(changes)
      if (opaque) this.#pass.doubt ??= id
    }
    this.#handlers.notify(handlers)
  }

  #progress(task: string, text?: string): void {
    const { play, run } = this.#o
    run.emit(workingEvent(play.name, { host: this.host.name, role: this.role, task }, text))
  }

  #record(record: TaskRecord): void {
    if (this.#inHandler) return
    this.records.push(record)
    const { run, play, predicted = new Set<string>() } = this.#o
    if (this.mode === 'apply') run.emit(appliedEvent(play.name, record, predicted))
  }

  async fenced(fence: Fence, body: () => Promise<void>): Promise<boolean> {
    const changed = (): number =>
      this.records.filter(r => r.host === this.host.name && r.changes.length > 0).length
    const before = changed()
    await this.#fences.around(fence, body)
    return changed() > before
  }

  async flush(): Promise<void> {
    const pending = await this.read(ask('pending', marksOf(this.role)))
    const planned = this.mode === 'apply' ? new Set<string>() : this.#pass.handled
    for (const handler of this.#handlers.due(pending, planned, this.host.name))
      await this.#handle(handler)
  }

  async #handle({ name, notified }: DueHandler): Promise<void> {
    this.#pass.handled.add(`${this.role}/${name}`)
    await this.task(`handler ${name}`, async task => {
      if (this.mode === 'apply') {
        this.#inHandler = true
        try {
          await this.#o.role.handlers[name]?.(this.#context())
          this.#tasks.checkAwaited(1)
          await task.carryOut([{ what: 'done', script: unmarkScript(this.role, name) }])
        } finally {
          this.#inHandler = false
        }
      } else this.#pass.doubt ??= `handler ${name}`
      const note = notified ? {} : { note: 'pending from an interrupted run' }
      return { changes: [{ what: 'run' }], ...note }
    })
  }

  async reach(name: string): Promise<Scope> {
    if (name === this.host.name) return this
    const { run, pass } = this.#o
    const host = await run.fleet.reach(name, pass.first ? this.#home.host : undefined)
    const known = this.#elsewhere.get(name)
    if (known) return known
    const there = new RoleRun({ ...this.#o, host }, this.#home)
    this.#elsewhere.set(name, there)
    return there
  }

  pause(ms: number): Promise<void> {
    return this.#interruption.pause(ms)
  }
}

import { setImmediate as turn } from 'node:timers/promises'
import { TaskError } from '../../errors.ts'
import { ask, type Facts, type FamilyName, type Query } from '../../facts/index.ts'
import type { Host } from '../../inventory/types.ts'
import {
  within,
  type Fence,
  type Mode,
  type RoleSettings,
  type Scope,
  type TaskOptions,
  type TaskResult,
  type TaskRun,
} from '../../resources/scope.ts'
import { varsKey } from '../define/select.ts'
import { Flushes } from './flushes.ts'
import { HandlerScope } from './handler-scope.ts'
import { Handlers, type DueHandler } from './handlers.ts'
import { Interruption } from './interruption.ts'
import { marksOf, unmarkScript } from './marks.ts'
import type { HostPass } from './pass.ts'
import { hostPlatform } from './platform.ts'
import type { TaskRecord } from './record.ts'
import { NotAwaited, RunningTasks } from './running-tasks.ts'
import { Start, startIn } from './start-at.ts'
import { TaskRunner, type Body, type RoleRunOptions } from './task-runner.ts'

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
  readonly #runner: TaskRunner
  readonly #interruption: Interruption
  readonly #flushes: Flushes
  readonly #start: Start
  /** Handlers that run here because of a gate on another host. */
  #visit: Promise<void> | undefined
  #reads = 0
  /** The role fails with it at its end, even if the role's code has caught it. */
  #fatal: Error | undefined

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
    const { startAt, stages } = o.run.settings
    this.#start = home ? home.#start : new Start(startIn(startAt, stages, o.play.name, this.role))
    this.#runner = new TaskRunner(o, {
      records: this.records,
      handlers: this.#handlers,
      running: this.#tasks,
      start: this.#start,
      delegatedBy: home?.host.name,
    })
    this.#flushes = new Flushes({
      handlers: this.#handlers,
      pending: async () => {
        const names = await this.#pass.read(ask('pending', marksOf(this.role)), o.host.answers)
        this.#handlers.checkPending(names, this.host.name)
        return names
      },
      isPlanned: name => this.mode !== 'apply' && this.#pass.handled.has(`${this.role}/${name}`),
      handle: (handler, level) => this.#handle(handler, level),
    })
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
    const name = `${query.family === 'command' ? 'probe' : query.family} ${query.arg}`
    return this.#guarding(async () => {
      this.#tasks.checkOpen(name)
      // Answers from memory alone would let a loop in the role's code keep this process from everything else.
      if (++this.#reads % 64 === 0) await turn()
      const answer = this.#pass.read(query, this.#o.host.answers, options.fresh)
      const fact = await this.#tasks.asking(name, answer)
      this.#runner.saw(query, fact)
      return fact
    })
  }

  /** Runs the whole role: its tasks, then the handlers that are due. Throws the first error. */
  async perform(): Promise<void> {
    try {
      await within(this, async () => this.#o.role.tasks(await this.#context()))
      if (this.#fatal) throw this.#fatal
      for (const there of this.#all()) there.#tasks.checkFinished(0)
      // Only where the role had tasks: a host that it merely read keeps its pending handlers.
      for (const there of this.#all())
        if (there === this || there.#tasks.worked) await there.flush()
    } finally {
      for (const there of this.#all()) there.#tasks.close()
      // What has begun on a host ends before the host's lock is released.
      for (const there of this.#all())
        await Promise.allSettled([there.#runner.writing, there.#tasks.answered()])
    }
  }

  #all(): RoleRun[] {
    return [this.#home, ...this.#home.#elsewhere.values()]
  }

  /** Remembers a mistake in the role's code, so that the role ends with it. */
  async #guarding<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (error instanceof NotAwaited) this.#home.#fatal ??= error
      throw error
    }
  }

  /** Throws TaskError for an operating system that the role does not support, or that the inventory does not say. */
  async #context(): Promise<never> {
    const platform = await hostPlatform(this.#o.role, this.#o.host, this.mode, this.#pass)
    return { vars: this.#vars, host: this.host, platform } as never
  }

  task(
    name: string,
    body: Body,
    options: TaskOptions = {},
  ): Promise<{ readonly changed: boolean }> {
    return this.#guarding(async () => {
      this.#tasks.checkOpen(name)
      this.#interruption.check()
      if (this.#visit) await this.#visit
      return this.#runner.run(name, body, {
        most: 0,
        ...(options.isGate ? { before: () => this.#beforeGate() } : {}),
      })
    })
  }

  /** A task of a handler, which is part of the handler's own task. `most`: how many tasks may be running. */
  taskOfHandler(name: string, body: Body, most: number): Promise<{ readonly changed: boolean }> {
    return this.#guarding(() => {
      this.#tasks.checkOpen(name)
      this.#interruption.check()
      return this.#runner.run(name, body, { most, shown: false })
    })
  }

  async fenced(fence: Fence, body: () => Promise<void>): Promise<boolean> {
    const changed = (): number =>
      this.records.filter(r => r.host === this.host.name && r.changes.length > 0).length
    const before = changed()
    await this.#runner.fences.around(fence, body)
    return changed() > before
  }

  async flush(): Promise<void> {
    if (!this.#start.pending) await this.#flushes.flush()
  }

  /**
   * Runs the handlers that are due, here and on the other hosts of this role run where nothing runs: what a gate waits for
   * may depend on any of them. Pending ones stay pending on hosts where the role has only asked gates so far.
   */
  async #beforeGate(): Promise<void> {
    await this.#flushes.flush({ level: 1, withPending: this.#tasks.worked })
    const others = this === this.#home ? this.#all() : [this.#home]
    for (const there of others)
      if (there !== this && there.#tasks.worked && there.#tasks.idle) {
        there.#visit = within(there, () => there.#flushes.flush())
        try {
          await there.#visit
        } catch (error) {
          this.#home.#fatal ??= error as Error
          throw error
        } finally {
          there.#visit = undefined
        }
      }
  }

  async #handle({ name, notified }: DueHandler, level: number): Promise<void> {
    this.#pass.handled.add(`${this.role}/${name}`)
    const run = async (task: TaskRun): Promise<TaskResult> => {
      if (this.mode === 'apply') {
        const handler = this.#o.role.handlers[name]
        await within(new HandlerScope(this, level + 1), async () =>
          handler?.(await this.#context()),
        )
        this.#tasks.checkFinished(level + 1, `handler ${name}`)
        await task.carryOut([{ what: 'done', script: unmarkScript(this.role, name) }])
      } else this.#pass.doubt ??= `handler ${name}`
      const note = notified ? {} : { note: 'pending from an interrupted run' }
      return { changes: [{ what: 'run' }], ...note }
    }
    this.#interruption.check()
    await this.#guarding(() =>
      this.#runner.run(`handler ${name}`, run, { most: level, handles: true }),
    )
  }

  async reach(name: string): Promise<Scope> {
    const home = this.#home
    if (name === this.host.name) return this
    if (name === home.host.name) return home
    return this.#guarding(async () => {
      const { run, pass } = this.#o
      const asker = pass.first ? home.host : undefined
      const host = await this.#tasks.asking(`on ${name}`, run.fleet.reach(name, asker))
      home.#tasks.checkOpen(`on ${name}`)
      const known = home.#elsewhere.get(name)
      if (known) return known
      const there = new RoleRun({ ...this.#o, host }, home)
      home.#elsewhere.set(name, there)
      return there
    })
  }

  excerpt(output: string): string {
    return this.#o.host.excerpt(output)
  }

  pause(ms: number): Promise<void> {
    return this.#interruption.pause(ms)
  }
}

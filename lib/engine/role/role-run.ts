import { setTimeout as sleep } from 'node:timers/promises'
import { FmcError, TaskError } from '../../errors.ts'
import { ask, type Facts, type FamilyName, type Query } from '../../facts/index.ts'
import { platformOf } from '../../inventory/platform.ts'
import type { Host, Inventory } from '../../inventory/types.ts'
import {
  within,
  type Fence,
  type Mode,
  type PlannedChange,
  type Scope,
  type TaskResult,
  type TaskRun,
} from '../../resources/scope.ts'
import { Failed } from './failed.ts'
import { marksOf, markScript, unmarkScript } from './handlers.ts'
import type { HostRun } from '../host/host-run.ts'
import type { HostPass, Pass } from './pass.ts'
import { recordKey, type Predicted, type Surroundings, type TaskRecord } from './record.ts'
import type { Role } from '../define/role.ts'

/** Has the role been told of Ctrl-C? What it still runs then are its `finally` blocks. */
interface Interruption {
  told: boolean
}

interface RoleRunOptions {
  readonly role: Role
  readonly vars: unknown
  readonly pass: Pass
  readonly run: HostRun
  readonly around: Surroundings
  readonly predicted: Predicted
  /** Of the role run that this one is a part of, on another host. */
  readonly records?: TaskRecord[]
  readonly interruption?: Interruption
}

/** One role on one host in one pass. Closed when the role returns: a task that starts or still runs then was not awaited. */
export class RoleRun implements Scope {
  readonly role: string
  readonly mode: Mode
  readonly records: TaskRecord[]
  readonly #o: RoleRunOptions
  readonly #run: HostRun
  readonly #pass: HostPass
  readonly #numbers = new Map<string, number>()
  readonly #running = new Set<string>()
  readonly #notified = new Set<string>()
  /** Other hosts that this role works on through `on`. */
  readonly #elsewhere = new Map<string, RoleRun>()
  readonly #interruption: Interruption
  readonly #fences: Fence[] = []
  #open = true
  /** Inside a handler: what it runs are no tasks of their own. */
  #quiet = false

  constructor(o: RoleRunOptions) {
    this.role = o.role.name
    this.mode = o.pass.mode
    this.records = o.records ?? []
    this.#interruption = o.interruption ?? { told: false }
    this.#o = o
    this.#run = o.run
    this.#pass = o.pass.of(o.run.host.name)
  }

  get host(): Host {
    return this.#run.host
  }
  get inventory(): Inventory {
    return this.#o.around.inventory
  }
  get wantDiff(): boolean {
    return this.#o.around.wantDiff
  }
  get artifactsDir(): string | undefined {
    return this.#o.around.artifactsDir
  }
  get begun(): number {
    return this.#o.around.begun
  }
  get keepDir(): string {
    return this.#o.around.keepDir
  }
  get doubt(): string | undefined {
    return this.#pass.doubt
  }
  get dirty(): boolean {
    return this.#pass.dirty
  }
  castDoubt(task: string): void {
    this.#pass.doubt ??= task
  }
  markEstimate(): void {
    this.#pass.estimate = true
  }
  forecast(changes: readonly PlannedChange[]): void {
    this.#pass.forecast.add(changes)
  }
  observe(found: unknown): void {
    this.#o.around.observe(this.host.name, this.role, found)
  }
  willExist(name: string): void {
    const host = this.inventory.hosts.get(name)
    if (host?.vmOn !== this.host.name)
      throw new TaskError(`${name} is no VM of ${this.host.name}`, {
        hint: `the inventory must say vm_on: ${this.host.name} for it`,
      })
    if (this.mode === 'plan') this.#o.around.willExist(name)
  }
  notify(handlers: readonly string[]): void {
    this.checkHandlers(handlers)
    for (const name of handlers) this.#notified.add(name)
  }
  checkHandlers(handlers: readonly string[]): void {
    for (const name of handlers)
      if (!Object.hasOwn(this.#o.role.handlers, name))
        throw new TaskError(`the role ${this.role} has no handler ${JSON.stringify(name)}`, {
          hint: `its handlers: ${Object.keys(this.#o.role.handlers).join(', ') || 'none'}`,
        })
  }

  async read<F extends FamilyName>(
    query: Query<F>,
    options: { readonly fresh?: boolean } = {},
  ): Promise<Facts[F]> {
    const host = (q: Query): Promise<unknown> => {
      if (!this.#run.knows(q)) {
        this.castDoubt(`what a new host would say to ${q.arg}`)
        this.markEstimate()
      }
      return this.#run.ask(q, options.fresh)
    }
    if (this.mode !== 'apply') {
      const fact = await this.#pass.forecast.read(query, host)
      if (fact !== undefined) return fact as Facts[F]
    }
    return (await host(query)) as Facts[F]
  }

  /** The whole role: its tasks, then the handlers that are owed. Throws the first error. */
  async perform(): Promise<void> {
    try {
      await within(this, async () => {
        await this.#o.role.tasks(this.#context())
        for (const run of [this, ...this.#elsewhere.values()]) run.#allAwaited(0)
        await this.flush()
      })
      // Only where it had tasks: who merely looks at a host does not run what is owed there.
      for (const there of this.#elsewhere.values())
        if (there.#numbers.size > 0) await within(there, () => there.flush())
    } finally {
      for (const run of [this, ...this.#elsewhere.values()]) run.#open = false
    }
  }

  /** Throws TaskError for an operating system that the role is not made for. */
  #context(): never {
    const { role, vars } = this.#o
    const platform = role.platforms && platformOf(role.name, role.platforms, this.host)
    return { vars, host: this.host, platform } as never
  }

  /** Tasks of one host run one after another: whatever runs beside `most` others was not awaited. */
  #allAwaited(most: number): void {
    if (this.#running.size > most)
      throw new TaskError(`not awaited: ${[...this.#running].slice(most).join(', ')}`, {
        hint: 'every resource, gate and $ needs an await, and tasks of one host cannot run at once',
      })
  }

  /** Code that belongs to a play and not to a role's tasks: its order and its invariant. Asks the host, not memory. */
  inside<T>(fn: () => Promise<T>): Promise<T> {
    return within(this, fn, true)
  }

  async task(
    name: string,
    body: (task: TaskRun) => Promise<TaskResult>,
  ): Promise<{ readonly changed: boolean }> {
    if (!this.#open)
      throw new TaskError(`${name} was started after the role ${this.role} had ended`, {
        hint: 'an await is missing',
      })
    this.#stopHere()
    this.#allAwaited(this.#quiet ? 1 : 0)
    const id = this.#identify(name)
    this.#running.add(id)
    if (!this.#quiet && this.mode === 'apply') this.#o.around.working(this.host.name, this.role, id)
    this.#run.expectNothing(
      this.mode === 'apply' &&
        !this.#o.predicted.has(recordKey({ host: this.host.name, name: id })),
    )
    const start = performance.now()
    try {
      const result = await body({
        execute: (changes, notify) =>
          this.#write(changes, this.#quiet ? '' : markScript(this.role, notify)),
        take: (script, into, limits) => this.#run.take(script, into, limits),
        anew: (script, ms) => this.#run.anew(script, ms),
        progress: text => this.#o.around.working(this.host.name, this.role, id, text),
      })
      if (result.changes.length > 0) this.#pass.dirty = true
      this.#record({
        host: this.host.name,
        role: this.role,
        name: id,
        ms: performance.now() - start,
        estimate: this.#pass.estimate || undefined,
        ...result,
      })
      return { changed: result.changes.length > 0 }
    } catch (cause) {
      if (cause instanceof Error && cause.name === 'AbortError') throw cause
      const error = this.#named(id, cause)
      this.#record({
        host: this.host.name,
        role: this.role,
        name: id,
        changes: [],
        ms: performance.now() - start,
        error,
      })
      throw error
    } finally {
      this.#running.delete(id)
    }
  }

  async #write(changes: readonly PlannedChange[], marks: string): Promise<void> {
    const ahead = this.#fences.map(f => (f.state === 'up' ? f.next : f.first))
    for (const fence of this.#fences) if (fence.state === 'down') fence.state = 'tried'
    await this.#run.write(changes, [...ahead, marks].join('\n'))
    for (const fence of this.#fences) fence.state = 'up'
  }

  async fenced(fence: Fence, body: () => Promise<void>): Promise<boolean> {
    const before = this.#changing()
    this.#fences.push(fence)
    try {
      await body()
    } finally {
      this.#fences.splice(this.#fences.indexOf(fence), 1)
    }
    return this.#changing() > before
  }

  #changing(): number {
    return this.records.filter(r => r.host === this.host.name && r.changes.length > 0).length
  }

  /** After Ctrl-C no task starts; those of a `finally` do, after the first that was refused. */
  #stopHere(): void {
    const { signal } = this.#o.around
    if (!signal.aborted || this.#interruption.told) return
    this.#interruption.told = true
    signal.throwIfAborted()
  }

  #named(id: string, cause: unknown): Error {
    if (cause instanceof FmcError) return new Failed(id, cause)
    return cause instanceof Error ? cause : new Error(String(cause))
  }

  #record(record: TaskRecord): void {
    if (this.#quiet) return
    this.records.push(record)
    if (this.mode === 'apply') this.#o.around.finished(record)
  }

  /** The same task name twice in one role gets #2: tasks are matched by name and number, never by position. */
  #identify(name: string): string {
    const number = (this.#numbers.get(name) ?? 0) + 1
    this.#numbers.set(name, number)
    return number === 1 ? name : `${name} #${number}`
  }

  async flush(): Promise<void> {
    const owed = new Set(await this.read(ask('pending', marksOf(this.role))))
    for (const name of owed)
      if (!Object.hasOwn(this.#o.role.handlers, name))
        throw new TaskError(
          `an interrupted run owes the handler ${JSON.stringify(name)}, which the role ${this.role} no longer has`,
          {
            hint: `if it is not needed any more: fmc run ${this.host.name} -- ${unmarkScript(this.role, name)}`,
          },
        )
    for (const name of Object.keys(this.#o.role.handlers)) {
      const notified = this.#notified.delete(name)
      if (!notified && !owed.has(name)) continue
      if (!notified && this.mode !== 'apply' && this.#pass.handled.has(`${this.role}/${name}`))
        continue
      await this.#handle(name, notified ? undefined : 'owed from an interrupted run')
    }
  }

  async #handle(name: string, note: string | undefined): Promise<void> {
    this.#pass.handled.add(`${this.role}/${name}`)
    await this.task(`handler ${name}`, async task => {
      if (this.mode === 'apply') {
        this.#quiet = true
        try {
          await this.#o.role.handlers[name]?.(this.#context())
          this.#allAwaited(1)
          await task.execute([{ what: 'done', script: unmarkScript(this.role, name) }], [])
        } finally {
          this.#quiet = false
        }
      } else this.castDoubt(`handler ${name}`)
      return { changes: [{ what: 'run' }], ...(note === undefined ? {} : { note }) }
    })
  }

  async reach(name: string): Promise<Scope> {
    if (name === this.host.name) return this
    const run = await this.#o.around.reach(name)
    const known = this.#elsewhere.get(name)
    if (known) return known
    const there = new RoleRun({
      ...this.#o,
      run,
      records: this.records,
      interruption: this.#interruption,
    })
    this.#elsewhere.set(name, there)
    return there
  }

  async pause(ms: number): Promise<void> {
    if (this.#interruption.told) return sleep(ms)
    await sleep(ms, undefined, { signal: this.#o.around.signal }).catch((error: unknown) => {
      this.#interruption.told = true
      throw error
    })
  }
}

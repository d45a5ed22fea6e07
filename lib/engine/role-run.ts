import { setTimeout as sleep } from 'node:timers/promises'
import { FmcError, TaskError, UnreachableError } from '../errors.ts'
import { ask, type Facts, type FamilyName, type Query } from '../facts/index.ts'
import type { Host, Inventory } from '../inventory/types.ts'
import { within, type Mode, type PlannedChange, type Scope, type TaskResult, type TaskRun } from '../resources/scope.ts'
import type { Forecast } from './forecast.ts'
import { marksOf, markScript, unmarkScript } from './handlers.ts'
import type { HostRun } from './host-run.ts'
import type { Role } from './role.ts'

/** What one task found or did, in one pass. */
export interface TaskRecord {
  readonly role: string
  readonly name: string
  readonly changes: readonly PlannedChange[]
  readonly ms: number
  readonly note?: string | undefined
  readonly waiting?: string | undefined
  readonly skipped?: boolean | undefined
  readonly estimate?: boolean | undefined
  readonly error?: Error | undefined
}

/** What a role run needs of the run around it. */
export interface Surroundings {
  readonly inventory: Inventory
  readonly wantDiff: boolean
  readonly artifactsDir: string | undefined
  /** Throws when the run is being interrupted. */
  readonly signal: AbortSignal
  reach(host: string): Promise<HostRun>
  forecastOf(host: HostRun): Forecast
  /** Live output. */
  working(host: string, role: string, task: string, text?: string): void
  /** A task of another host that a role worked on through `on`. */
  recordElsewhere(host: HostRun, record: TaskRecord): void
  finished(record: TaskRecord): void
}

/** Of the plan pass, what the apply pass must know: names of tasks that would change. */
export type Predicted = ReadonlySet<string>

/** One role on one host in one pass. Closed when the role returns: a task that starts or still runs then was not awaited. */
export class RoleRun implements Scope {
  readonly role: string
  readonly mode: Mode
  readonly records: TaskRecord[] = []
  /** Another task of this pass has changed, or would change, the host. Kept over the roles of a host. */
  readonly state: PassState
  readonly #role: Role
  readonly #vars: unknown
  readonly #run: HostRun
  readonly #around: Surroundings
  readonly #predicted: Predicted | undefined
  readonly #numbers = new Map<string, number>()
  readonly #running = new Set<string>()
  readonly #notified = new Set<string>()
  readonly #elsewhere: boolean
  #open = true
  #quiet = false

  constructor(o: {
    role: Role
    vars: unknown
    mode: Mode
    run: HostRun
    state: PassState
    around: Surroundings
    predicted?: Predicted | undefined
    elsewhere?: boolean
  }) {
    this.role = o.role.name
    this.mode = o.mode
    this.state = o.state
    this.#role = o.role
    this.#vars = o.vars
    this.#run = o.run
    this.#around = o.around
    this.#predicted = o.predicted
    this.#elsewhere = o.elsewhere ?? false
  }

  get host(): Host {
    return this.#run.host
  }
  get inventory(): Inventory {
    return this.#around.inventory
  }
  get wantDiff(): boolean {
    return this.#around.wantDiff
  }
  get artifactsDir(): string | undefined {
    return this.#around.artifactsDir
  }
  get doubt(): string | undefined {
    return this.state.doubt
  }
  get dirty(): boolean {
    return this.state.dirty
  }
  castDoubt(task: string): void {
    this.state.doubt ??= task
  }
  markEstimate(): void {
    this.state.estimate = true
  }
  forecast(changes: readonly PlannedChange[]): void {
    this.#around.forecastOf(this.#run).add(changes)
  }
  notify(handlers: readonly string[]): void {
    for (const name of handlers) {
      if (!(name in this.#role.handlers)) throw new TaskError(`the role ${this.role} has no handler ${JSON.stringify(name)}`)
      this.#notified.add(name)
    }
  }

  async read<F extends FamilyName>(query: Query<F>, options: { readonly fresh?: boolean } = {}): Promise<Facts[F]> {
    const host = (q: Query): Promise<unknown> => this.#run.ask(q, options.fresh)
    if (this.mode !== 'apply') {
      const fact = await this.#around.forecastOf(this.#run).read(query, host)
      if (fact !== undefined) return fact as Facts[F]
    }
    return (await host(query)) as Facts[F]
  }

  /** The whole role: its tasks, then the handlers that are owed. Throws the first error. */
  async perform(): Promise<void> {
    try {
      await within(this, async () => {
        await this.#role.tasks({ vars: this.#vars, host: this.host } as never)
        await this.flush()
      })
      if (this.#running.size > 0) throw new TaskError(`not awaited: ${[...this.#running].join(', ')}`, { hint: 'every resource, gate and $ needs an await' })
    } finally {
      this.#open = false
    }
  }

  /** Code that belongs to a play and not to a role's tasks: its order and its invariant. Asks the host, not memory. */
  inside<T>(fn: () => Promise<T>): Promise<T> {
    return within(this, fn, true)
  }

  async task(name: string, body: (task: TaskRun) => Promise<TaskResult>): Promise<{ readonly changed: boolean }> {
    if (!this.#open) throw new TaskError(`${name} was started after the role ${this.role} had ended`, { hint: 'an await is missing' })
    this.#around.signal.throwIfAborted()
    const id = this.#identify(name)
    this.#running.add(id)
    if (!this.#quiet && this.mode === 'apply') this.#around.working(this.host.name, this.role, id)
    this.#run.expectNothing(this.mode === 'apply' && !(this.#predicted?.has(id) ?? false))
    const start = performance.now()
    try {
      const result = await body({
        execute: (changes, notify, describe) => this.#run.write(changes, this.#quiet ? '' : markScript(this.role, this.#known(notify)), describe),
        progress: text => this.#around.working(this.host.name, this.role, id, text),
      })
      if (result.changes.length > 0) this.state.dirty = true
      this.#record({ role: this.role, name: id, ms: performance.now() - start, estimate: this.state.estimate || undefined, ...result })
      return { changed: result.changes.length > 0 }
    } catch (cause) {
      if (cause instanceof Error && cause.name === 'AbortError') throw cause
      const error = this.#named(id, cause)
      this.#record({ role: this.role, name: id, changes: [], ms: performance.now() - start, error })
      throw error
    } finally {
      this.#running.delete(id)
    }
  }

  /** An unknown handler must be found before anything is written. */
  #known(notify: readonly string[]): readonly string[] {
    this.notify(notify)
    return notify
  }

  #named(id: string, cause: unknown): Error {
    if (cause instanceof FmcError) return new Failed(id, cause)
    return cause instanceof Error ? cause : new Error(String(cause))
  }

  #record(record: TaskRecord): void {
    if (this.#quiet) return
    if (this.#elsewhere) this.#around.recordElsewhere(this.#run, record)
    else {
      this.records.push(record)
      if (this.mode === 'apply') this.#around.finished(record)
    }
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
      if (!(name in this.#role.handlers))
        throw new TaskError(`an interrupted run owes the handler ${JSON.stringify(name)}, which the role ${this.role} no longer has`, {
          hint: `if it is not needed any more: fmc run ${this.host.name} -- ${unmarkScript(this.role, name)}`,
        })
    for (const name of Object.keys(this.#role.handlers)) {
      const notified = this.#notified.delete(name)
      if (!notified && !owed.has(name)) continue
      if (!notified && this.mode !== 'apply' && this.state.handled.has(`${this.role}/${name}`)) continue
      await this.#handle(name, notified ? undefined : 'owed from an interrupted run')
    }
  }

  async #handle(name: string, note: string | undefined): Promise<void> {
    this.state.handled.add(`${this.role}/${name}`)
    await this.task(`handler ${name}`, async task => {
      if (this.mode === 'apply') {
        this.#quiet = true
        try {
          await this.#role.handlers[name]?.({ vars: this.#vars, host: this.host } as never)
          await task.execute([{ what: 'done', script: unmarkScript(this.role, name) }], [])
        } finally {
          this.#quiet = false
        }
      }
      return { changes: [{ what: 'run' }], ...(note === undefined ? {} : { note }) }
    })
  }

  async reach(name: string): Promise<Scope> {
    if (name === this.host.name) return this
    const run = await this.#around.reach(name)
    return new RoleRun({ role: this.#role, vars: this.#vars, mode: this.mode, run, state: new PassState(), around: this.#around, elsewhere: true })
  }

  async pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#around.signal })
  }
}

/** What the roles of one host share within one pass. */
export class PassState {
  doubt: string | undefined
  estimate = false
  dirty = false
  readonly handled = new Set<string>()
}

/** Was it the host that could not be reached, whatever the error is wrapped in? */
export const isUnreachable = (error: unknown): boolean =>
  error instanceof UnreachableError || (error instanceof Failed && isUnreachable(error.cause))

/** A task's error with the task's name; the engine shows it under that task. */
export class Failed extends FmcError {
  override name = 'Failed'
  readonly task: string
  override readonly cause: FmcError
  constructor(task: string, cause: FmcError) {
    super(`${task}: ${cause.message}`, { hint: cause.hint, exitCode: cause.exitCode })
    this.task = task
    this.cause = cause
  }
}

import type { Query } from '../../facts/index.ts'
import type { Consequences, PlannedChange, TaskResult, TaskRun } from '../../resources/scope.ts'
import type { Play } from '../define/playbook.ts'
import type { Role } from '../define/role.ts'
import type { HostRun } from '../host/host-run.ts'
import type { Run } from '../settings.ts'
import { appliedEvent, delegation, workingEvent } from '../task-events.ts'
import { taskFailure } from './failed-task.ts'
import { Fences } from './fences.ts'
import type { Handlers } from './handlers.ts'
import { markScript } from './marks.ts'
import { seenFact } from '../saved/seen.ts'
import type { EnginePass, HostPass } from './pass.ts'
import { recordKey, type Predicted, type SeenFact, type TaskRecord } from './record.ts'
import type { RunningTasks } from './running-tasks.ts'
import type { Start } from './start-at.ts'

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

/** Runs the body of a task. */
export type Body = (task: TaskRun) => Promise<TaskResult>

/** How a task runs. */
export interface Terms {
  /** How many tasks of the role may be running on this host. */
  readonly most: number
  /** Not shown: a task of a handler, which is part of the handler's own task. */
  readonly shown?: boolean
  /** A gate: what runs before it, while it counts as running. */
  readonly before?: () => Promise<void>
  /** A handler: it changes the host, and not through `carryOut` alone. */
  readonly handles?: boolean
}

/** Runs the tasks of one role on one host: records them, and makes or forecasts their changes. */
export class TaskRunner {
  readonly fences = new Fences()
  /** Settles when no change of this role is being made. */
  writing: Promise<void> = Promise.resolve()
  readonly #o: RoleRunOptions
  readonly #pass: HostPass
  readonly #records: TaskRecord[]
  readonly #handlers: Handlers
  readonly #running: RunningTasks
  readonly #start: Start
  readonly #delegated: { readonly delegatedBy?: string }
  /** What the running task has read so far; undefined: nobody wants to know. */
  #seen: SeenFact[] | undefined

  constructor(
    o: RoleRunOptions,
    parts: {
      readonly records: TaskRecord[]
      readonly handlers: Handlers
      readonly running: RunningTasks
      readonly start: Start
      /** The host of the role, if this is another one. */
      readonly delegatedBy: string | undefined
    },
  ) {
    this.#o = o
    this.#pass = o.pass.of(o.host.host.name)
    this.#records = parts.records
    this.#handlers = parts.handlers
    this.#running = parts.running
    this.#start = parts.start
    this.#delegated = delegation(parts)
  }

  get #applies(): boolean {
    return this.#o.pass.mode === 'apply'
  }

  async run(
    name: string,
    body: Body,
    { most, shown = true, before, handles = false }: Terms,
  ): Promise<{ readonly changed: boolean }> {
    this.#running.checkAlone(most, name)
    const started = this.#running.start(name, before !== undefined)
    try {
      if (shown && this.#start.skips(started.name)) return this.#skip(started.name)
      await before?.()
      return await this.#perform(started.name, body, { shown, handles })
    } finally {
      this.#running.end(started)
    }
  }

  #skip(name: string): { readonly changed: false } {
    const { host, role } = this.#o
    const task = { host: host.host.name, role: role.name, name, changes: [], ms: 0 }
    this.#record({ ...task, skipped: true, note: 'before --start-at' })
    return { changed: false }
  }

  /** The task on this host has read a fact. */
  saw(query: Query, fact: unknown): void {
    const seen = this.#seen && seenFact(query, fact, this.#o.run.settings.digest)
    if (seen) this.#seen?.push(seen)
  }

  async #perform(
    id: string,
    body: Body,
    { shown, handles }: { readonly shown: boolean; readonly handles: boolean },
  ): Promise<{ readonly changed: boolean }> {
    const { host, role, predicted } = this.#o
    const task = { host: host.host.name, ...this.#delegated, role: role.name, name: id }
    if (shown && this.#applies) this.#progress(id)
    host.answers.lookAhead(this.#applies && predicted?.has(recordKey(task)) !== true)
    const start = performance.now()
    const record = (result: Omit<TaskRecord, keyof typeof task | 'ms'>): void => {
      if (shown)
        this.#record({ ...task, ms: performance.now() - start, ended: Date.now(), ...result })
    }
    const following = this.#applies && shown ? this.#o.run.following : undefined
    const play = this.#o.play.name
    const permit = (changes: readonly PlannedChange[] | undefined): void =>
      following?.permit(play, task, changes)
    const seen = (this.#seen = this.#notes ? [] : undefined)
    try {
      if (handles) {
        permit(undefined)
        following?.begin(play, task, undefined)
      }
      const result = await body(
        this.#taskRun(id, handles ? () => undefined : permit, (changes, opaque) => {
          if (!handles) following?.begin(play, task, changes, opaque)
        }),
      )
      if (result.changes.length > 0) {
        this.#pass.dirty = true
        following?.done(play, task)
      }
      const facts = result.changes.length > 0 ? seen : undefined
      record({ estimate: this.#pass.estimate || undefined, ...result, facts })
      return { changed: result.changes.length > 0 }
    } catch (cause) {
      if (cause instanceof Error && cause.name === 'AbortError') throw cause
      const error = taskFailure(id, cause)
      record({ changes: [], error })
      throw error
    } finally {
      this.#seen = undefined
    }
  }

  /** Are facts of planned tasks noted, for a saved plan? */
  get #notes(): boolean {
    return this.#o.pass.mode === 'plan' && this.#o.run.settings.digest !== undefined
  }

  #taskRun(
    id: string,
    permit: TaskRun['permit'],
    begin: (changes: readonly PlannedChange[], opaque: boolean | undefined) => void,
  ): TaskRun {
    const { host } = this.#o
    return {
      permit,
      carryOut: async (changes, consequences) => {
        permit(changes)
        begin(changes, consequences?.opaque)
        return this.#carryOut(id, changes, consequences)
      },
      take: (script, into, limits) => host.take(script, into, limits),
      onNewConnection: (script, ms) => host.onNewConnection(script, ms),
      progress: text => this.#progress(id, text),
    }
  }

  async #carryOut(
    id: string,
    changes: readonly PlannedChange[],
    { notify = [], opaque = false }: Consequences = {},
  ): Promise<string> {
    const handlers = typeof notify === 'string' ? [notify] : notify
    this.#handlers.check(handlers)
    if (changes.length === 0) return ''
    let stderr = ''
    if (this.#applies) {
      const marks = markScript(this.#o.role.name, handlers)
      this.writing = this.fences.write(async ahead => {
        const script = [...ahead, marks].join('\n')
        stderr = await this.#o.host.write(changes, script, text => this.#progress(id, text))
      })
      await this.writing
    } else {
      this.#pass.forecast.add(changes, opaque)
      if (opaque) this.#pass.doubt ??= id
    }
    this.#handlers.notify(handlers)
    return stderr
  }

  #progress(task: string, text?: string): void {
    const { play, run, host, role } = this.#o
    const where = { host: host.host.name, ...this.#delegated, role: role.name, task }
    run.emit(workingEvent(play.name, where, text))
  }

  #record(record: TaskRecord): void {
    this.#records.push(record)
    const { run, play, predicted = new Set<string>() } = this.#o
    if (this.#applies) run.emit(appliedEvent(play.name, record, predicted))
  }
}

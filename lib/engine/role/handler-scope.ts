import type { Facts, FamilyName, Query } from '../../facts/index.ts'
import type { Host } from '../../inventory/types.ts'
import type {
  Fence,
  Mode,
  RoleSettings,
  Scope,
  TaskResult,
  TaskRun,
} from '../../resources/scope.ts'

/** The role run that a handler belongs to. `taskOfHandler` runs a task that the report does not show. */
interface Outer extends Scope {
  taskOfHandler(
    name: string,
    body: (task: TaskRun) => Promise<TaskResult>,
    most: number,
  ): Promise<{ readonly changed: boolean }>
}

/** What the code of a handler sees: its role run, but its tasks belong to the handler's own task. */
export class HandlerScope implements Scope {
  readonly settings: RoleSettings
  readonly host: Host
  readonly role: string
  readonly mode: Mode
  readonly #outer: Outer
  readonly #most: number

  /** `most`: how many tasks run while the handler starts one: its own, and the gate that it runs before. */
  constructor(outer: Outer, most: number) {
    this.#most = most
    this.settings = outer.settings
    this.host = outer.host
    this.role = outer.role
    this.mode = outer.mode
    this.#outer = outer
  }

  get doubt(): string | undefined {
    return this.#outer.doubt
  }
  get dirty(): boolean {
    return this.#outer.dirty
  }
  markEstimate(): void {
    this.#outer.markEstimate()
  }
  read<F extends FamilyName>(
    query: Query<F>,
    options?: { readonly fresh?: boolean },
  ): Promise<Facts[F]> {
    return this.#outer.read(query, options)
  }
  task(
    name: string,
    body: (task: TaskRun) => Promise<TaskResult>,
  ): Promise<{ readonly changed: boolean }> {
    return this.#outer.taskOfHandler(name, body, this.#most)
  }
  observe(found: unknown): void {
    this.#outer.observe(found)
  }
  willExist(host: string): void {
    this.#outer.willExist(host)
  }
  fenced(fence: Fence, body: () => Promise<void>): Promise<boolean> {
    return this.#outer.fenced(fence, body)
  }
  /** The flush that runs this handler also runs those that it notifies. */
  flush(): Promise<void> {
    return Promise.resolve()
  }
  reach(host: string): Promise<Scope> {
    return host === this.host.name ? Promise.resolve(this) : this.#outer.reach(host)
  }
  pause(ms: number): Promise<void> {
    return this.#outer.pause(ms)
  }
  excerpt(output: string): string {
    return this.#outer.excerpt(output)
  }
}

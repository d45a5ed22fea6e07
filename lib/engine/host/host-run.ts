import { TaskError, UnreachableError } from '../../errors.ts'
import type { Host } from '../../inventory/types.ts'
import type { PlannedChange, TakeLimits } from '../../resources/scope.ts'
import type { Secret } from '../../secrets/secret.ts'
import type { Output } from '../../ssh/types.ts'
import type { Answers } from './answers.ts'
import type { Connection } from './connection.ts'
import { withClock } from './clock.ts'
import { withVolumes } from './full.ts'
import { endOf } from './output.ts'
import { take } from './take.ts'
import { write } from './write.ts'

/** One host during a run. `answers` also works without a connection; everything that changes the host needs one. */
export class HostRun {
  readonly host: Host
  readonly answers: Answers
  /** The connection, or why there is none. */
  readonly #connection: Connection | string
  readonly #secrets: readonly Secret[]
  #touched = false

  constructor(
    host: Host,
    answers: Answers,
    connection: Connection | string,
    secrets: readonly Secret[] = [],
  ) {
    this.host = host
    this.answers = answers
    this.#connection = connection
    this.#secrets = secrets
  }

  /** Did this run write to the host? From then on its roles run even if their plan was empty. */
  get touched(): boolean {
    return this.#touched
  }

  /** Undefined: the host does not exist yet or does not answer. */
  get connection(): Connection | undefined {
    return typeof this.#connection === 'string' ? undefined : this.#connection
  }

  #connected(): Connection {
    if (typeof this.#connection !== 'string') return this.#connection
    throw new UnreachableError(this.#connection, { silent: true })
  }

  /** Connects again if the session was lost. Throws UnreachableError, LockedError. */
  async revive(): Promise<void> {
    if (!this.connection?.session.lost) return
    this.answers.forget()
    await this.connection.reopen()
  }

  /** Makes a task's changes; `ahead` is shell text that runs right before them. `say` gets how far it is. Resolves with the end of stderr. Throws TaskError, UnreachableError. */
  async write(
    changes: readonly PlannedChange[],
    ahead: string,
    say?: (text: string) => void,
  ): Promise<string> {
    this.#touched = true
    this.answers.forget()
    const connection = this.#connected()
    try {
      return await write(connection, changes, ahead, this.#secrets, say)
    } catch (error) {
      if (!(error instanceof TaskError)) throw error
      const { name } = this.host
      const told = await withClock(error, name, connection.session)
      throw await withVolumes(told, name, connection.session, changes)
    } finally {
      // Answers that arrived meanwhile show the host as it was before.
      this.answers.forget()
    }
  }

  /** Runs a script that prints absolute paths, and copies these files into a directory of the controller. Throws TaskError. */
  async take(script: string, into: string, limits: TakeLimits): Promise<void> {
    this.#touched = true
    this.answers.forget()
    await take(this.#connected().session, script, into, limits, this.#secrets)
  }

  /** Runs a script over a new connection; afterwards the host's session works too. Throws UnreachableError, TaskError. */
  async onNewConnection(script: string, timeoutMs: number): Promise<Output> {
    const connection = this.#connected()
    this.answers.forget()
    return connection.onNewConnection(script, timeoutMs)
  }

  /** The end of a command's output without secrets. */
  excerpt(output: string): string {
    return endOf(output, this.#secrets)
  }

  /** Ends the session, if there is one. */
  close(): void {
    this.connection?.session.close()
  }
}

import { TaskError } from '../../errors.ts'
import {
  batch,
  keyOf,
  type Batch,
  type Facts,
  type FamilyName,
  type Query,
} from '../../facts/index.ts'
import { GarbledProbe } from '../../facts/family.ts'
import { redact } from '../../secrets/redact.ts'
import type { Secret } from '../../secrets/secret.ts'
import type { Session } from '../../ssh/types.ts'
import { endOf, SHOWN } from './output.ts'

/** A probe that takes longer is broken. */
export const PROBE_TIMEOUT_MS = 120_000
/** Characters of a broken probe's output that people see. */
const SHOWN_OF_PROBE = 400

/** A question, as by keyOf, with the host's answer. */
export interface Remembered {
  readonly key: string
  readonly fact: unknown
}

/** Answers questions about one host. */
export interface Answers {
  /** From memory if possible. `fresh`: from the host. */
  ask<F extends FamilyName>(query: Query<F>, fresh?: boolean): Promise<Facts[F]>
  /** Is the answer to this question more than a guess? */
  knows(query: Query): boolean
  /** The questions whose answers are remembered, with those. */
  remembered(): readonly Remembered[]
  /** Discards all remembered answers. */
  forget(): void
  /** Asks again, in one round trip, everything that was asked so far. */
  refresh(): Promise<void>
  /** `true`: the next task will probably change nothing, so ask its questions and those of later tasks together. */
  lookAhead(on: boolean): void
}

interface Waiter {
  readonly query: Query
  resolve(fact: unknown): void
  reject(error: unknown): void
}

/** Asks a connected host, all questions of one tick in one script, and remembers the answers until something changes. */
export class SessionAnswers implements Answers {
  /** Everything asked in this run: the next run sends these questions with its connection. */
  readonly asked = new Map<string, Query>()
  readonly #session: () => Session
  readonly #secrets: readonly Secret[]
  readonly #memory = new Map<string, unknown>()
  #waiting: Waiter[] = []
  #lookAhead = false

  /** Were the questions of the last run asked with the connection? */
  readonly expectsQuestions: boolean

  /** `session`: the host's present session; a reboot replaces it. */
  constructor(session: () => Session, secrets: readonly Secret[], expectsQuestions: boolean) {
    this.#session = session
    this.#secrets = secrets
    this.expectsQuestions = expectsQuestions
  }

  knows(): boolean {
    return true
  }

  remembered(): readonly Remembered[] {
    return [...this.#memory].map(([key, fact]) => ({ key, fact }))
  }

  forget(): void {
    this.#memory.clear()
  }

  lookAhead(on: boolean): void {
    this.#lookAhead = on
  }

  ask<F extends FamilyName>(query: Query<F>, fresh = false): Promise<Facts[F]> {
    const key = keyOf(query)
    this.asked.set(key, query)
    // Forget the old answer, so that looking ahead does not take the question for answered.
    if (fresh) this.#memory.delete(key)
    if (this.#memory.has(key)) return Promise.resolve(this.#memory.get(key) as Facts[F])
    return new Promise<Facts[F]>((resolve, reject) => {
      const waiter = { query, resolve: resolve as (fact: unknown) => void, reject }
      if (this.#waiting.push(waiter) === 1) setImmediate(() => void this.#answerAll())
    })
  }

  async refresh(): Promise<void> {
    this.forget()
    await this.askAhead([...this.asked.values()])
  }

  /** Remembers answers to questions that no task has asked yet. Ignores garbled ones: the tasks will ask again. */
  rememberIfSound(parse: () => ReadonlyMap<string, unknown>): void {
    try {
      this.#remember(parse())
    } catch (error) {
      if (!(error instanceof GarbledProbe)) throw error
    }
  }

  #remember(facts: ReadonlyMap<string, unknown>): void {
    for (const [key, fact] of facts) this.#memory.set(key, fact)
  }

  async #answerAll(): Promise<void> {
    const waiting = this.#waiting
    this.#waiting = []
    const wanted = new Map(waiting.map(w => [keyOf(w.query), w.query]))
    try {
      if (this.#lookAhead)
        // A role's own command may cost more than a round trip: ask it only when a task needs it.
        await this.askAhead(
          [...this.asked.values()].filter(q => q.family !== 'command' || wanted.has(keyOf(q))),
        )
      await this.#askNow(
        [...wanted.values()].filter(q => !this.#lookAhead || !this.#memory.has(keyOf(q))),
      )
      for (const w of waiting) w.resolve(this.#memory.get(keyOf(w.query)))
    } catch (error) {
      for (const w of waiting) w.reject(error)
    }
  }

  /**
   * Asks what tasks will probably ask, as far as it is not remembered: in one round trip, but not for the content of files. Ignores
   * answers that are garbled, and a script that fails. Throws UnreachableError, and TaskError if the script took the session with it.
   */
  async askAhead(queries: readonly Query[]): Promise<void> {
    const likely = queries.filter(q => q.family !== 'content' && !this.#memory.has(keyOf(q)))
    if (likely.length === 0) return
    try {
      this.rememberIfSound(await this.#run(batch(likely)))
    } catch (error) {
      if (!(error instanceof TaskError)) throw error
      // The task that needs an answer asks again and reports the error, if there still is a session.
      if (this.#session().lost) throw this.#brokenProbe(likely, error)
    }
  }

  async #askNow(queries: readonly Query[]): Promise<void> {
    if (queries.length === 0) return
    const questions = batch(queries)
    try {
      const parse = await this.#run(questions)
      this.#remember(parse())
    } catch (error) {
      if (error instanceof GarbledProbe)
        throw new TaskError(error.redacted(text => redact(text, this.#secrets)))
      if (error instanceof TaskError) throw this.#brokenProbe(queries, error)
      throw error
    }
  }

  /** Runs the script of the questions; the function that it resolves with parses the answers and may throw GarbledProbe. */
  async #run({ script, parse, maxBytes }: Batch): Promise<() => ReadonlyMap<string, unknown>> {
    const session = this.#session()
    const { word } = session
    const timeoutMs = PROBE_TIMEOUT_MS
    const output = await session.run(script, { timeoutMs, maxBytes, marked: true })
    return () => parse(output, word)
  }

  /** The error of a probe that did not finish: it shows the questions, not the script made of them. */
  #brokenProbe(queries: readonly Query[], error: TaskError): TaskError {
    const asked = queries.map(q => (q.family === 'command' ? q.arg : `${q.family} ${q.arg}`))
    return new TaskError(error.message.replace(/^the command /, 'a probe '), {
      command: redact(asked.join('\n'), this.#secrets).slice(0, SHOWN),
      output: endOf(error.output ?? '', this.#secrets).slice(-SHOWN_OF_PROBE),
    })
  }
}

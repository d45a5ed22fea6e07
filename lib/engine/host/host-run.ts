import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { TaskError, UnreachableError } from '../../errors.ts'
import {
  batch,
  keyOf,
  type Batch,
  type Facts,
  type FamilyName,
  type Query,
} from '../../facts/index.ts'
import { GarbledProbe } from '../../facts/family.ts'
import type { Host } from '../../inventory/types.ts'
import type { PlannedChange, TakeLimits } from '../../resources/scope.ts'
import { redact } from '../../secrets/redact.ts'
import { reveal, type Secret } from '../../secrets/secret.ts'
import { quote } from '../../shell/quote.ts'
import { download } from '../../ssh/download.ts'
import type { Output, Session } from '../../ssh/types.ts'
import { takenFiles } from './taken.ts'

/** A probe that takes longer is broken. */
export const PROBE_TIMEOUT_MS = 120_000
/** Of a change that names none. */
const DEFAULT_TIMEOUT_MS = 600_000
/** For the order to reboot, and between two attempts to connect again. */
const ORDER_TIMEOUT_MS = 60_000
const RETRY_MS = 500
/** A session that does not answer to nothing at all within this time has not survived what was done to the network. */
const SIGN_OF_LIFE_MS = 5_000
/** What is kept of the output of a change: long, so that a secret in it is found before it is shortened. */
const KEPT_BYTES = 1024 * 1024
/** Characters of a failed command's output that are told. */
const SHOWN = 4000

interface Waiter {
  readonly query: Query
  resolve(fact: unknown): void
  reject(error: unknown): void
}

/** Ways to the host besides its session. */
export interface Ways {
  /** Opens the host's session anew, locked as before, unless it still is the boot with this id. Throws UnreachableError, LockedError. */
  readonly reopen: (notBoot?: string) => Promise<Session>
  /** A further session, without the lock. Throws UnreachableError. */
  readonly beside: () => Promise<Session>
}

/** One host during a run: its session, what has been read of it, and what has been asked. */
export class HostRun {
  readonly host: Host
  /** Everything asked in this run, for the next run's first round trip. */
  readonly asked = new Map<string, Query>()
  /** Did this run write to the host? From then on later roles run even if their plan was empty. */
  touched = false
  /** Why no further task is run here. */
  failed: Error | undefined
  readonly #secrets: readonly Secret[]
  readonly #ways: Ways | undefined
  #session: Session
  readonly #memo = new Map<string, unknown>()
  #waiting: Waiter[] = []
  #lookAhead = false

  constructor(host: Host, session: Session, secrets: readonly Secret[] = [], ways?: Ways) {
    this.#secrets = secrets
    this.host = host
    this.#session = session
    this.#ways = ways
  }

  /** Is the answer to this question more than a guess? */
  knows(_: Query): boolean {
    return true
  }

  get session(): Session {
    return this.#session
  }

  /** Connects again when the session was lost. Throws UnreachableError, LockedError. */
  async revive(): Promise<void> {
    if (!this.#session.lost || !this.#ways) return
    this.forget()
    this.#session = await this.#ways.reopen()
  }

  learn(facts: ReadonlyMap<string, unknown>): void {
    for (const [key, fact] of facts) this.#memo.set(key, fact)
  }

  /** Answers to questions that no task of this run has asked yet: if they make no sense, the tasks ask for themselves. */
  learnIfSound(parse: () => ReadonlyMap<string, unknown>): void {
    try {
      this.learn(parse())
    } catch (error) {
      if (!(error instanceof GarbledProbe)) throw error
    }
  }

  /** Nothing that was read before may be trusted. */
  forget(): void {
    this.#memo.clear()
  }

  /** The next question is expected to find nothing to do, and so are probably those after it: ask them all at once. */
  expectNothing(quiet: boolean): void {
    this.#lookAhead = quiet
  }

  /** From memory, else the host: all questions of one tick travel together. */
  ask<F extends FamilyName>(query: Query<F>, fresh = false): Promise<Facts[F]> {
    const key = keyOf(query)
    this.asked.set(key, query)
    // A gate asks again what it has just heard: forgotten, lest looking ahead should find it known.
    if (fresh) this.#memo.delete(key)
    if (this.#memo.has(key)) return Promise.resolve(this.#memo.get(key) as Facts[F])
    return new Promise<Facts[F]>((resolve, reject) => {
      const waiter = { query, resolve: resolve as (fact: unknown) => void, reject }
      if (this.#waiting.push(waiter) === 1) setImmediate(() => void this.#flush())
    })
  }

  /** Read everything again that was asked so far, in one round trip. */
  async refresh(): Promise<void> {
    this.forget()
    await this.#ahead([...this.asked.values()])
  }

  async #ahead(queries: readonly Query[]): Promise<void> {
    const likely = queries.filter(q => q.family !== 'content')
    if (likely.length === 0) return
    const questions = batch(likely)
    try {
      const parse = await this.#asked(questions)
      this.learnIfSound(parse)
    } catch (error) {
      if (!(error instanceof TaskError)) throw error // else whoever needs one of them asks again
    }
  }

  /** Asks the host; the function gives the facts, or throws GarbledProbe. */
  async #asked({ script, parse, maxBytes }: Batch): Promise<() => ReadonlyMap<string, unknown>> {
    const { word } = this.session
    const timeoutMs = PROBE_TIMEOUT_MS
    const output = await this.session.run(script, { timeoutMs, maxBytes, marked: true })
    return () => parse(output, word)
  }

  async #flush(): Promise<void> {
    const waiting = this.#waiting
    this.#waiting = []
    const wanted = new Map(waiting.map(w => [keyOf(w.query), w.query]))
    try {
      if (this.#lookAhead)
        // An author's command may cost more than a round trip: only when its turn has come.
        await this.#ahead(
          [...this.asked.values()].filter(
            q => !this.#memo.has(keyOf(q)) && (q.family !== 'command' || wanted.has(keyOf(q))),
          ),
        )
      await this.#fetch(
        [...wanted.values()].filter(q => !this.#lookAhead || !this.#memo.has(keyOf(q))),
      )
      for (const w of waiting) w.resolve(this.#memo.get(keyOf(w.query)))
    } catch (error) {
      for (const w of waiting) w.reject(error)
    }
  }

  async #fetch(queries: readonly Query[]): Promise<void> {
    if (queries.length === 0) return
    const questions = batch(queries)
    try {
      const parse = await this.#asked(questions)
      this.learn(parse())
    } catch (error) {
      if (error instanceof GarbledProbe)
        throw new TaskError(error.told(text => redact(text, this.#secrets)))
      if (error instanceof TaskError) throw this.#unanswered(queries, error)
      throw error
    }
  }

  /** Write. What runs keeps no lock descriptor; user text is evaluated inside, so that its syntax errors stay its own. */
  async write(changes: readonly PlannedChange[], ahead: string): Promise<void> {
    this.touched = true
    this.forget()
    for (const { upload } of changes) if (upload) await this.session.upload(upload.from, upload.to)
    const parts = [
      ...changes.map(c => reveal(c.prepare ?? '')),
      ahead,
      ...changes.map(c => reveal(c.script ?? '')),
    ]
    const script = `set -e\n${parts.filter(p => p !== '').join('\n')}`
    const timeoutMs = Math.max(...changes.map(c => c.timeoutMs ?? DEFAULT_TIMEOUT_MS))
    const how = `( exec 9>&-; eval ${quote(script)} )`
    const result = await (
      changes.some(c => c.reboots)
        ? this.#reboot(how, timeoutMs)
        : this.session.run(how, { timeoutMs, lastBytes: KEPT_BYTES })
    )
      .catch((error: unknown) => {
        if (!(error instanceof TaskError)) throw error
        // Without its `command`: the script may have secrets in it, cut in two where it was shortened.
        throw new TaskError(error.message, {
          output: this.#shown(error.output ?? ''),
          hint: error.hint,
        })
      })
      // What somebody else asked meanwhile saw the host as it was before.
      .finally(() => this.forget())
    if (result.code === 0) return
    const last = this.#shown(result.stderr || result.stdout)
      .split('\n')
      .at(-1)
    throw new TaskError(`exit code ${result.code}${last ? `: ${last}` : ''}`, {
      output: this.#shown(`${result.stderr}${result.stdout}`),
    })
  }

  /** Runs a script that prints absolute paths, and copies these files into a directory of the controller. Throws TaskError. */
  async take(
    script: string,
    into: string,
    { timeoutMs, maxBytes, maxFiles }: TakeLimits,
  ): Promise<void> {
    this.touched = true
    this.forget()
    const { code, stdout, stderr } = await this.session.run(
      `( exec 9>&-; eval ${quote(`set -e\n${script}`)} )`,
      { timeoutMs },
    )
    const said = this.#shown(stderr)
    if (code !== 0)
      throw new TaskError(`exit code ${code}${said ? `: ${said.split('\n').at(-1) ?? ''}` : ''}`, {
        output: said,
      })
    let left = maxBytes
    for (const { path, name } of takenFiles(stdout, maxFiles))
      left -= await download(this.session, path, join(into, name), left)
  }

  /** Runs a script over a connection of its own; afterwards the run's session is alive, too. Throws UnreachableError, TaskError. */
  async anew(script: string, timeoutMs: number): Promise<Output> {
    if (!this.#ways) throw new TaskError('no other connection can be made here')
    this.forget()
    const beside = await this.#ways.beside()
    try {
      const output = await beside.run(script, { timeoutMs })
      if (!(await this.#answers())) await this.#replace(beside, this.#ways)
      return output
    } finally {
      beside.close()
    }
  }

  /** The host may not have noticed that our session is dead: its shell there would keep the lock. */
  async #replace(beside: Session, { reopen }: Ways): Promise<void> {
    const { shellPid } = this.#session
    this.#session.close()
    if (shellPid > 1)
      await beside.run(`kill -HUP ${shellPid}; i=0
while [ $i -lt 50 ] && kill -0 ${shellPid}; do i=$((i + 1)); sleep 0.1; done`)
    this.#session = await reopen()
  }

  async #answers(): Promise<boolean> {
    const alive = this.#session.run(':').then(
      () => true,
      () => false,
    )
    return Promise.race([alive, sleep(SIGN_OF_LIFE_MS, false, { ref: false })])
  }

  /** The script's result if it fails; else waits until the host answers with another boot id. */
  async #reboot(script: string, timeoutMs: number): Promise<Output> {
    const { stdout: boot } = await this.session.run('cat /proc/sys/kernel/random/boot_id', {
      maxBytes: 1024,
    })
    const done = { code: 0, stdout: '', stderr: '' }
    const result = await this.session
      .run(script, { timeoutMs: ORDER_TIMEOUT_MS, lastBytes: KEPT_BYTES })
      .catch((error: unknown) => {
        if (error instanceof UnreachableError) return done
        throw error
      })
    if (result.code !== 0 || !this.#ways) return result
    this.session.close()
    const end = performance.now() + timeoutMs
    for (;;) {
      try {
        this.#session = await this.#ways.reopen(boot.trim())
        return done
      } catch (error) {
        if (!(error instanceof UnreachableError)) throw error
        if (performance.now() > end)
          throw new TaskError(
            `it was told to reboot and did not come back within ${Math.round(timeoutMs / 60_000)} min: ${error.message}`,
            {
              hint: 'look at its console; once it is up, run the same command again: it goes on from here',
            },
          )
      }
      await sleep(RETRY_MS)
    }
  }

  /** A probe that was ended: told by its questions, not by the script that they became. */
  #unanswered(queries: readonly Query[], error: TaskError): TaskError {
    const asked = queries.map(q => (q.family === 'command' ? q.arg : `${q.family} ${q.arg}`))
    return new TaskError(error.message.replace(/^the command /, 'a probe '), {
      command: redact(asked.join('\n'), this.#secrets).slice(0, SHOWN),
      output: this.#shown(error.output ?? '').slice(-400),
    })
  }

  /** The end of what a command printed. Secrets go before it is shortened: of half a secret nobody knows that it is one. */
  #shown(output: string): string {
    return redact(output, this.#secrets).trim().slice(-SHOWN)
  }
}

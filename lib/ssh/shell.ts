import { TaskError, UnreachableError } from '../errors.ts'
import { entry, start, type Process } from './entry.ts'
import { frame, type Limit } from './frame.ts'
import { LastLine } from './last-line.ts'
import type { Ending, Limits, Link, Pipe } from './link.ts'
import { ShellOutput } from './shell-output.ts'
import type { Output, ScriptOptions, Session, Target } from './types.ts'
import { uploader } from './upload.ts'
import { brief, lastLine, nulError, seconds, size } from './wording.ts'
import { setWord, unsetWord } from './word.ts'

/** A command of which only the end is kept (ScriptOptions.lastBytes) may print this much. */
const MAX_WITH_LAST = 64 * 1024 * 1024
/** Bytes that may still arrive after a signal was sent: those in the host's pipes and in the channel's window (2 MB). */
const IN_FLIGHT = 4 * 1024 * 1024

interface Job {
  readonly n: number
  readonly script: string
  readonly input: string | Buffer | undefined
  readonly marked: boolean
  readonly timeoutMs: number
  readonly limit: Limit
  readonly resolve: (output: Output) => void
  readonly reject: (error: Error) => void
  readonly lines: LastLine | undefined
  timer?: NodeJS.Timeout
  /** Set when fmc ends the command: what the caller's promise rejects with. */
  verdict?: TaskError
}

const limitOf = (
  { maxBytes = Infinity, lastBytes }: ScriptOptions,
  { outputBytes }: Limits,
): Limit =>
  lastBytes === undefined
    ? { bytes: Math.min(maxBytes, outputBytes) }
    : { bytes: Math.min(maxBytes, MAX_WITH_LAST), last: lastBytes }

/** The persistent shell of one host: runs one script after another, and ends what takes too long or prints too much. */
export class Shell implements Session {
  readonly target: Target
  readonly word: string
  readonly shellPid: number
  readonly upload: Session['upload']
  trips = 0
  readonly #link: Link
  readonly #pipe: Pipe
  readonly #limits: Limits
  readonly #pgid: number
  readonly #output: ShellOutput
  readonly #queue: Job[] = []
  #current: Job | undefined
  /** Set once the session is over: why. */
  #lost: UnreachableError | undefined
  #n = 1
  /** Signals that are on their way. */
  #signals = 0
  /** Bytes that have arrived since the last signal to a command that fmc is ending. */
  #late = 0

  constructor(link: Link, target: Target, limits: Limits, { pipe, pid, pgid, word }: Process) {
    this.target = target
    this.word = word
    this.shellPid = pid
    this.upload = uploader(link, target, limits)
    this.#link = link
    this.#pipe = pipe
    this.#limits = limits
    this.#pgid = pgid
    this.#output = new ShellOutput(pipe, chunk => this.#progress(chunk))
    pipe.stdin.on('error', () => undefined) // `ended` reports it
    void pipe.ended.then(ending => this.#ended(ending))
  }

  get lost(): boolean {
    return this.#lost !== undefined
  }

  /** For the script that travelled in the exec request and is already running: collects its output. */
  booted(script: string, options: ScriptOptions): Promise<Output> {
    return this.#add(script, options, false)
  }

  run(script: string, options: ScriptOptions = {}): Promise<Output> {
    if (script.includes('\0')) return Promise.reject(nulError(script))
    if (this.#lost) return Promise.reject(this.#lost)
    return this.#add(script, options, true)
  }

  connected(): ReturnType<Session['connected']> {
    return this.#link.connected()
  }

  async interrupt(signal: 'TERM' | 'KILL' = 'TERM'): Promise<void> {
    if (!this.#current || this.#lost) return
    this.#signals++ // no other command may start: the signal could hit it
    try {
      await this.#signal(signal)
    } catch (error) {
      if (this.#alive()) throw error // a lost session needs no signal
    } finally {
      this.#signals--
      this.#next()
    }
  }

  async #signal(signal: 'TERM' | 'KILL'): Promise<void> {
    const how = entry(this.target, () => `kill -s ${signal} -- -${this.#pgid}`)
    const { pipe } = await start(this.#link, this.target, how, this.#limits)
    pipe.stdout.resume()
    pipe.stderr.resume()
    await pipe.ended
  }

  close(): void {
    this.#lose(new UnreachableError(`${this.target.name}: the session was closed`))
    this.#link.close()
  }

  #add(script: string, options: ScriptOptions, send: boolean): Promise<Output> {
    return new Promise((resolve, reject) => {
      const timeoutMs = options.timeoutMs ?? this.#limits.commandMs
      const { input, marked = false, onLine } = options
      const lines = onLine && new LastLine(onLine)
      const limit = limitOf(options, this.#limits)
      const job: Job = {
        n: this.#n++,
        ...{ script, input, marked, limit, timeoutMs, lines, resolve, reject },
      }
      if (send) {
        this.#queue.push(job)
        this.#next()
      } else {
        this.#start(job)
      }
    })
  }

  #next(): void {
    if (this.#current || this.#lost || this.#signals > 0) return
    const job = this.#queue.shift()
    if (!job) return
    this.#start(job)
    this.#pipe.stdin.write(job.marked ? setWord(this.word) : unsetWord)
    this.#pipe.stdin.write(frame(this.word, job.n, job.script, job.input))
  }

  #start(job: Job): void {
    this.#current = job
    this.#output.expect(this.word, job.n, job.limit)
    this.trips++
    job.timer = setTimeout(
      () => this.#stop(job, `took longer than ${seconds(job.timeoutMs)}`),
      Math.min(job.timeoutMs, 2 ** 31 - 1), // a longer timer fires at once
    )
  }

  #progress(chunk: Buffer): void {
    const job = this.#current
    if (!job) return
    job.lines?.push(chunk)
    if (this.#output.overflow) this.#stop(job, `printed more than ${size(job.limit.bytes)}`)
    this.#late += chunk.length
    // A command that keeps printing although it got a signal is not read any more.
    if (job.verdict && this.#late > IN_FLIGHT) this.#output.pause()
    if (!this.#output.done) return
    clearTimeout(job.timer)
    job.lines?.end()
    this.#current = undefined
    this.#output.resume()
    const output = this.#output.take()
    if (job.verdict) job.reject(job.verdict)
    else job.resolve(output)
    this.#next()
  }

  /**
   * Ends a command that exceeds a limit. It gets TERM, repeatedly because a shell function survives the first one; the
   * session lives on. After the grace time it gets KILL, and with it the session's shell, which is in the same process
   * group. The caller's promise rejects when the command is gone.
   */
  #stop(job: Job, why: string): void {
    if (job.verdict) return
    job.verdict = new TaskError(`the command ${why} and was ended`, {
      command: brief(job.script),
      output: this.#output.tail(),
    })
    this.#late = 0
    void this.#end(job)
  }

  async #end(job: Job): Promise<void> {
    const still = (): boolean => this.#current === job && !this.#lost
    const rounds = ['TERM', 'TERM', 'TERM', 'KILL'] as const
    for (const signal of rounds) {
      if (!still()) return
      const sent = this.interrupt(signal).catch(() => undefined)
      await Promise.race([sent, this.#wait(this.#limits.enterMs)])
      this.#late = 0
      this.#output.resume()
      for (let i = 0; i < 20 && still(); i++) await this.#wait(this.#limits.graceMs / 60)
    }
    if (still()) this.close() // KILL did not reach it either: give up the session
  }

  #alive(): boolean {
    return this.#lost === undefined
  }

  #wait(ms: number): Promise<void> {
    return new Promise(resolve => setTimeout(resolve, ms).unref())
  }

  #ended({ code, signal }: Ending): void {
    const { name } = this.target
    if (code === undefined && signal === undefined) {
      void this.#link
        .explain(this.#current ? lastLine(this.#output.stderr) : '')
        .then(error => this.#lose(error))
    } else {
      const how = signal === undefined ? `exit ${code ?? 0}` : `killed by ${signal}`
      this.#lose(new UnreachableError(`${name}: the session's shell has ended (${how})`), how)
    }
    this.#link.close()
  }

  /** `how`: how the shell itself ended; then the running script caused it and not the network. */
  #lose(error: UnreachableError, how?: string): void {
    if (this.#lost) return
    this.#lost = error
    const job = this.#current
    this.#current = undefined
    clearTimeout(job?.timer)
    job?.lines?.end()
    const own =
      how === undefined
        ? undefined
        : `the script ended the session's shell (${how}); it must not exit outside a subshell`
    job?.reject(
      job.verdict ??
        (own === undefined
          ? error
          : new TaskError(own, { command: brief(job.script), output: this.#output.tail() })),
    )
    for (const waiting of this.#queue.splice(0)) waiting.reject(error)
  }
}

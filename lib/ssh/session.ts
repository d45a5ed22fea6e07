import { TaskError, UnreachableError } from '../errors.ts'
import { Collector, frame, marks, type Most } from './frame.ts'
import type { Ending, Limits, Link, Pipe } from './link.ts'
import { entry, start, type Process } from './entry.ts'
import { brief, lastLine, nul, seconds, size } from './wording.ts'
import type { Output, RunOptions, Session, Target } from './types.ts'
import { uploader } from './upload.ts'
import { hideWord, SPELLED, tellWord } from './word.ts'

/** A script this long still fits into an exec request: the kernel takes 128 KiB per argument (MAX_ARG_STRLEN). */
const MAX_EXEC = 100_000
/** Of what is not kept (RunOptions.lastBytes) a command may print more. */
const MOST_OF_LAST = 64 * 1024 * 1024
/** What still comes from a host after a signal was sent: its pipes, and the window of the channel (2 MB). */
const ON_ITS_WAY = 4 * 1024 * 1024

interface Job {
  readonly n: number
  readonly script: string
  readonly input: string | Buffer | undefined
  readonly marked: boolean
  readonly timeoutMs: number
  readonly most: Most
  readonly resolve: (output: Output) => void
  readonly reject: (error: Error) => void
  timer?: NodeJS.Timeout
  /** Set when we ended it: what the caller shall hear. */
  verdict?: TaskError
}

/** Opens the persistent shell over a link; the boot script travels in the exec request when it is short enough. */
export const openShell = async (
  link: Link,
  target: Target,
  boot: string | undefined,
  limits: Limits,
  options: RunOptions = {},
): Promise<{ session: Session; first: Promise<Output> | undefined }> => {
  if (boot?.includes('\0')) throw nul(boot)
  // The last shell is a new one: it does not have the variables that boot had.
  let how = entry(
    target,
    () => `${boot === undefined ? '' : frame(SPELLED, 1, boot).toString()}exec /bin/sh`,
  )
  const fits = Buffer.byteLength(how.command) < MAX_EXEC
  if (!fits) how = entry(target, () => 'exec /bin/sh')
  const shell = new Shell(link, target, limits, await start(link, target, how, limits))
  const first =
    boot === undefined
      ? undefined
      : fits
        ? shell.booted(boot, options)
        : shell.run(boot, { ...options, marked: true })
  first?.catch(() => undefined) // the caller may look at it late
  return { session: shell, first }
}

const mostOf = ({ maxBytes = Infinity, lastBytes }: RunOptions, { outputBytes }: Limits): Most =>
  lastBytes === undefined
    ? { bytes: Math.min(maxBytes, outputBytes) }
    : { bytes: Math.min(maxBytes, MOST_OF_LAST), last: lastBytes }

class Shell implements Session {
  readonly target: Target
  readonly word: string
  readonly shellPid: number
  readonly upload: Session['upload']
  trips = 0
  readonly #link: Link
  readonly #pipe: Pipe
  readonly #limits: Limits
  readonly #pgid: number
  readonly #out: Collector
  readonly #err: Collector
  readonly #queue: Job[] = []
  #current: Job | undefined
  #dead: UnreachableError | undefined
  #n = 1
  #signals = 0
  /** Bytes that came after the last signal to a command that is to be ended. */
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
    this.#out = new Collector('out')
    this.#err = new Collector('err')
    for (const [stream, collector] of [
      [pipe.stdout, this.#out],
      [pipe.stderr, this.#err],
    ] as const) {
      stream.on('data', (chunk: Buffer) => {
        collector.push(chunk)
        this.#progress(chunk.length)
      })
      stream.resume()
    }
    pipe.stdin.on('error', () => undefined) // the end of the pipe says it better
    void pipe.ended.then(ending => this.#ended(ending))
  }

  get lost(): boolean {
    return this.#dead !== undefined
  }

  /** The script that came with the exec request: it runs already. */
  booted(script: string, options: RunOptions): Promise<Output> {
    return this.#add(script, options, false)
  }

  run(script: string, options: RunOptions = {}): Promise<Output> {
    if (script.includes('\0')) return Promise.reject(nul(script))
    if (this.#dead) return Promise.reject(this.#dead)
    return this.#add(script, options, true)
  }

  async interrupt(signal: 'TERM' | 'KILL' = 'TERM'): Promise<void> {
    if (!this.#current || this.#dead) return
    this.#signals++ // nothing new may start, or the signal could hit it
    try {
      await this.#signal(signal)
    } catch (error) {
      if (this.#alive()) throw error // else it did what it should
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
    this.#die(new UnreachableError(`${this.target.name}: the session was closed`))
    this.#link.close()
  }

  #add(script: string, options: RunOptions, send: boolean): Promise<Output> {
    return new Promise((resolve, reject) => {
      const timeoutMs = options.timeoutMs ?? this.#limits.commandMs
      const { input, marked = false } = options
      const most = mostOf(options, this.#limits)
      const job = { n: this.#n++, script, input, marked, most, timeoutMs, resolve, reject }
      if (send) {
        this.#queue.push(job)
        this.#next()
      } else {
        this.#start(job)
      }
    })
  }

  #next(): void {
    if (this.#current || this.#dead || this.#signals > 0) return
    const job = this.#queue.shift()
    if (!job) return
    this.#start(job)
    this.#pipe.stdin.write(job.marked ? tellWord(this.word) : hideWord)
    this.#pipe.stdin.write(frame(this.word, job.n, job.script, job.input))
  }

  #start(job: Job): void {
    const mark = marks(this.word, job.n)
    this.#current = job
    this.#out.expect(mark.out, job.most)
    this.#err.expect(mark.err, job.most)
    this.trips++
    job.timer = setTimeout(
      () => this.#stop(job, `took longer than ${seconds(job.timeoutMs)}`),
      job.timeoutMs,
    )
  }

  #progress(bytes: number): void {
    const job = this.#current
    if (!job) return
    if (this.#out.overflow || this.#err.overflow)
      this.#stop(job, `printed more than ${size(job.most.bytes)}`)
    this.#late += bytes
    if (job.verdict && this.#late > ON_ITS_WAY) this.#listen(false)
    if (!this.#out.done || !this.#err.done) return
    clearTimeout(job.timer)
    this.#current = undefined
    this.#listen(true)
    if (job.verdict) job.reject(job.verdict)
    else job.resolve({ code: this.#out.code(), stdout: this.#out.text(), stderr: this.#err.text() })
    this.#out.forget()
    this.#err.forget()
    this.#next()
  }

  /**
   * Ends a command for a reason of ours. TERM, repeated because a shell function survives the first one; the session
   * lives on. What does not obey within the grace time gets KILL, and so does the session's shell, which is in the same
   * process group. The caller hears of it when the process is gone.
   */
  #stop(job: Job, why: string): void {
    if (job.verdict) return
    job.verdict = new TaskError(`the command ${why} and was ended`, {
      command: brief(job.script),
      output: this.#said(),
    })
    this.#late = 0
    void this.#end(job)
  }

  /** Whoever goes on printing although he is told to end is not read any more: he waits, and costs nothing. */
  #listen(on: boolean): void {
    for (const stream of [this.#pipe.stdout, this.#pipe.stderr]) {
      if (on) stream.resume()
      else stream.pause()
    }
  }

  async #end(job: Job): Promise<void> {
    const still = (): boolean => this.#current === job && !this.#dead
    const rounds = ['TERM', 'TERM', 'TERM', 'KILL'] as const
    for (const signal of rounds) {
      if (!still()) return
      const sent = this.interrupt(signal).catch(() => undefined)
      await Promise.race([sent, this.#wait(this.#limits.enterMs)])
      this.#late = 0
      this.#listen(true)
      for (let i = 0; i < 20 && still(); i++) await this.#wait(this.#limits.graceMs / 60)
    }
    if (still()) this.close() // it does not even take our KILL: nothing more can be done from here
  }

  #alive(): boolean {
    return this.#dead === undefined
  }

  #wait(ms: number): Promise<void> {
    return new Promise(resolve => setTimeout(resolve, ms).unref())
  }

  /** The end of what the running command printed, for an error: long, so that who shortens it can look for secrets first. */
  #said(): string {
    return [this.#out.text(), this.#err.text()]
      .map(t => t.slice(-64 * 1024))
      .join('')
      .trim()
  }

  #ended({ code, signal }: Ending): void {
    const { name } = this.target
    if (code === undefined && signal === undefined) {
      void this.#link
        .explain(this.#current ? lastLine(this.#err.text()) : '')
        .then(error => this.#die(error))
    } else {
      const how = signal === undefined ? `exit ${code ?? 0}` : `killed by ${signal}`
      this.#die(new UnreachableError(`${name}: the session's shell has ended (${how})`), how)
    }
    this.#link.close()
  }

  /** `how`: the shell itself ended, so it was the running script's doing and not the network's. */
  #die(error: UnreachableError, how?: string): void {
    if (this.#dead) return
    this.#dead = error
    const job = this.#current
    this.#current = undefined
    clearTimeout(job?.timer)
    const own =
      how === undefined
        ? undefined
        : `the script ended the session's shell (${how}); it must not exit outside a subshell`
    job?.reject(
      job.verdict ??
        (own === undefined
          ? error
          : new TaskError(own, { command: brief(job.script), output: this.#said() })),
    )
    for (const waiting of this.#queue.splice(0)) waiting.reject(error)
  }
}

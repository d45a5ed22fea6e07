/** A piece of work, and the CPU time it takes in seconds. */
export interface Work {
  readonly what: string
  readonly seconds: number
}

/** How far work is. Times in seconds since the begin. */
export interface Sofar {
  readonly done: readonly Work[]
  readonly running: readonly (Work & { readonly since: number })[]
  readonly waiting: readonly Work[]
  readonly now: number
  readonly processors: number
}

/** A running piece counts up to this share of itself: how long it really takes is known when it ends. */
const MOST = 0.9

const total = (work: readonly Work[]): number => work.reduce((sum, { seconds }) => sum + seconds, 0)

/**
 * The share of the work that is done, from 0 to 1, and the seconds that are left: at the pace of this machine so far, and
 * at the pace of the one that the times were measured on as long as nothing has ended.
 */
export const estimate = ({
  done,
  running,
  waiting,
  now,
  processors,
}: Sofar): { share: number; left: number } => {
  const whole = total(done) + total(running) + total(waiting)
  if (whole === 0) return { share: 1, left: 0 }
  const ended = total(done)
  // CPU seconds per second: no more than there are processors or pieces that run at the same time.
  const usual = Math.max(1, Math.min(processors, running.length))
  const each = usual / Math.max(1, running.length)
  const half = running.reduce(
    (sum, { seconds, since }) => sum + Math.min(seconds * MOST, (now - since) * each),
    0,
  )
  const share = (ended + half) / whole
  const pace = ended === 0 || now === 0 ? usual : (ended + half) / now
  return { share, left: (whole - ended - half) / pace }
}

/** `40 s`, `2 min`: as exact as an estimate is. */
export const roughly = (seconds: number): string =>
  seconds < 90 ? `${Math.max(5, Math.ceil(seconds / 5) * 5)} s` : `${Math.round(seconds / 60)} min`

/** One line for people. */
export const inWords = (sofar: Sofar): string => {
  const { share, left } = estimate(sofar)
  const { done, running, waiting } = sofar
  const all = done.length + running.length + waiting.length
  const what = running.length === 0 ? '' : `: making ${running.map(w => w.what).join(', ')}`
  const rest =
    done.length === all ? '' : `, ${Math.floor(share * 100)} %, about ${roughly(left)} left`
  return `${done.length} of ${all} made${rest}${what}`
}

/** What the progress needs of a terminal; types of Node would not be known to those who import `fmc/testing`. */
export interface Terminal {
  readonly columns: number
  write(text: string): unknown
}

interface ProgressOptions {
  /** Takes whole lines. */
  readonly log: (text: string) => void
  readonly processors: number
  /** Where a line may be written again and again. */
  readonly terminal?: Terminal | undefined
}

/** Shows how far work is: on a terminal in one line that changes, elsewhere in a line whenever a piece begins or ends. */
export class Progress {
  readonly #begun = performance.now()
  readonly #done: Work[] = []
  readonly #running = new Map<Work, number>()
  readonly #waiting: Set<Work>
  readonly #options: ProgressOptions
  readonly #terminal: Terminal | undefined
  readonly #timer: NodeJS.Timeout | undefined

  constructor(work: readonly Work[], options: ProgressOptions) {
    this.#waiting = new Set(work)
    this.#options = options
    this.#terminal = options.terminal
    const parts = work.length === 1 ? (work[0]?.what ?? '') : `${work.length} parts of the lab`
    const seconds = total(work) / Math.min(options.processors, work.length)
    options.log(`making ${parts}, once: about ${roughly(seconds)}`)
    if (this.#terminal !== undefined) {
      this.#timer = setInterval(() => this.#draw(), 500)
      this.#timer.unref()
    }
  }

  begin(work: Work): void {
    this.#waiting.delete(work)
    this.#running.set(work, this.#now())
    this.#draw()
  }

  end(work: Work): void {
    const since = this.#running.get(work) ?? this.#now()
    this.#running.delete(work)
    this.#done.push(work)
    this.#wipe()
    const seconds = Math.round(this.#now() - since)
    this.#options.log(`made ${work.what} (${seconds} s); ${inWords(this.#sofar())}`)
    this.#draw()
  }

  /** Also after a failure. */
  close(): void {
    clearInterval(this.#timer)
    this.#wipe()
  }

  #now(): number {
    return (performance.now() - this.#begun) / 1000
  }

  #sofar(): Sofar {
    return {
      done: this.#done,
      running: [...this.#running].map(([work, since]) => ({ ...work, since })),
      waiting: [...this.#waiting],
      now: this.#now(),
      processors: this.#options.processors,
    }
  }

  #draw(): void {
    const out = this.#terminal
    if (out === undefined || this.#running.size === 0) return
    this.#wipe()
    out.write(inWords(this.#sofar()).slice(0, Math.max(20, out.columns - 1)))
  }

  #wipe(): void {
    // To the begin of the line, and erase it (ECMA-48: EL).
    this.#terminal?.write('\r\u001b[2K')
  }
}

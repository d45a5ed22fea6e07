import { appendFileSync, constants, rmSync } from 'node:fs'
import { createHash } from 'node:crypto'
import { dirname, join } from 'node:path'
import { makeDirs, readCached } from '../../cache-dir.ts'
import type { PlannedChange } from '../../resources/scope.ts'
import type { Digest } from './digests.ts'

/** begun, done, refused: a task. wide: a host on which a change was begun that may alter more than it names. */
const LINE = /^(begun|done|refused|wide) ([\w-]{1,64})$/
type Word = 'begun' | 'done' | 'refused' | 'wide'

/**
 * What the applies of one saved plan have begun and finished. It is on the controller, so that an apply after an interruption can
 * tell its own unfinished work from what others have changed. Holds digests only.
 */
export class Progress {
  readonly #file: string
  readonly #digest: Digest
  readonly #before: ReadonlySet<string>

  /** `resumed`: an earlier apply of the plan has not finished; false: what it wrote down is dropped. `dir`: fmc's cache. */
  constructor(dir: string, plan: string, digest: Digest, resumed: boolean) {
    const id = createHash('sha256').update(`progress ${plan}`).digest('hex').slice(0, 24)
    this.#file = join(dir, 'jobs', id)
    this.#digest = digest
    if (!resumed) this.end()
    const lines = resumed ? (readCached(this.#file)?.split('\n') ?? []) : []
    this.#before = new Set(lines.filter(line => LINE.test(line)))
  }

  /**
   * May what the task finds have been altered by the interrupted apply? Then its results decide. That is so for a task that was
   * begun and not finished, and for every other one on a host where the apply has made a change that may alter more than it
   * names. A task that was finished, or refused, must find what the plan has found.
   */
  mayHaveAltered(task: string, host: string): boolean {
    if (this.#has('refused', task) || this.#has('done', task)) return false
    return this.#has('begun', task) || this.#has('wide', host)
  }

  /** The task is about to change the host. `wide`: in a way that may alter more than it names. */
  begin(task: string, host: string, wide: boolean): void {
    this.#note('begun', task)
    if (wide) this.#note('wide', host)
  }

  done(task: string): void {
    this.#note('done', task)
  }

  refuse(task: string): void {
    this.#note('refused', task)
  }

  /** No apply of the plan is unfinished any more. */
  end(): void {
    try {
      rmSync(this.#file, { force: true })
    } catch {
      // A read-only cache: nothing was written there either.
    }
  }

  #has(word: Word, name: string): boolean {
    return this.#before.has(`${word} ${this.#digest(name)}`)
  }

  #note(word: Word, name: string): void {
    const { O_WRONLY, O_APPEND, O_CREAT, O_NOFOLLOW } = constants
    try {
      makeDirs(dirname(this.#file))
      appendFileSync(this.#file, `${word} ${this.#digest(name)}\n`, {
        mode: 0o600,
        flag: O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW,
      } as object)
    } catch {
      // What is not written down counts as not begun: the next apply compares everything.
    }
  }
}

/** Changes of which the forecast does not know all that follows: a command, packages, a unit that starts, a reboot. */
export const areWide = (changes: readonly PlannedChange[], opaque: boolean): boolean =>
  opaque ||
  changes.some(
    ({ reboots, factsAfter = [] }) =>
      reboots === true || factsAfter.every(([{ family }]) => family === 'unit'),
  )

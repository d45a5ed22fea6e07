import { setTimeout as sleep } from 'node:timers/promises'
import { keyOf } from '../facts/index.ts'
import { redactor } from '../secrets/redact.ts'
import type { Secret } from '../secrets/secret.ts'
import type { SelectedPlay } from './define/select.ts'
import { SessionAnswers } from './host/answers.ts'
import type { HostRun } from './host/host-run.ts'

/** The longest that hosts wait for the first one, in ms. */
const LONGEST_MS = 1000

interface First {
  readonly answers: SessionAnswers
  readonly earlier: ReadonlySet<string>
  readonly planned: Promise<unknown>
}

/**
 * Plans a play on hosts for which no question of an earlier run is remembered (host/questions.ts). Such a host is asked one
 * question after the other, as its tasks come to it: a round trip for each task. The first host of the play does so. The others
 * wait for it, and then are asked in one round trip all that it was asked. Two kinds of questions are left out: those with a
 * secret, which may be one of the first host only, and a role's own commands, which may take long.
 *
 * @example const ahead = new AskAhead(secrets); await ahead.plan(play, host, () => sweep(run, pass, play, host, records))
 */
export class AskAhead {
  readonly #first = new Map<SelectedPlay, First>()
  readonly #secrets: readonly Secret[]

  constructor(secrets: readonly Secret[]) {
    this.#secrets = secrets
  }

  /** Resolves or rejects as `work`, which plans the play on the host. Throws UnreachableError. */
  async plan<T>(play: SelectedPlay, { answers }: HostRun, work: () => Promise<T>): Promise<T> {
    if (!(answers instanceof SessionAnswers) || answers.expectsQuestions) return work()
    const first = this.#first.get(play)
    if (first === undefined) {
      const earlier = new Set(answers.asked.keys())
      const planning = work()
      this.#first.set(play, { answers, earlier, planned: planning.catch(() => undefined) })
      return planning
    }
    await Promise.race([first.planned, sleep(LONGEST_MS, undefined, { ref: false })])
    const redact = redactor(this.#secrets)
    await answers.askAhead(
      [...first.answers.asked.values()].filter(
        q => !first.earlier.has(keyOf(q)) && q.family !== 'command' && redact(q.arg) === q.arg,
      ),
    )
    return work()
  }
}

import { createHash } from 'node:crypto'
import type { Event, Finding, TaskEvent } from '../engine/events.ts'
import { safeJson } from '../text/sanitise.ts'
import { addFailure, changeWords, failureOf, type LocatedFailure } from './blocks.ts'
import { createPlain } from './plain.ts'
import { sarifLog, type FilePlace, type SarifResult } from './sarif-log.ts'
import type { Report, ReportOptions } from './types.ts'
import { createWriter } from './writer.ts'

/** What a run can find. */
export const RUN_RULES = {
  'task-failed': 'A task failed',
  'host-lost': 'A host failed or could not be reached',
  drift:
    'A host differs from the declaration: a dry run would change it, or the task leaves it alone',
  unpredicted: 'A run made a change that its plan did not name',
  broken: 'Something does not work',
  degraded: 'It works, but the next failure will break it',
  notice: 'See to it this week',
  fine: 'Checked, and as it should be',
} as const

type RunRule = keyof typeof RUN_RULES

/** SARIF 2.1.0 on stdout when the run has ended: what failed, what differs, and the findings of a check. The plain report goes to stderr. */
export const createSarif = async (options: ReportOptions): Promise<Report> => {
  const people = await createPlain({ ...options, stdout: options.stderr, color: false })
  const log = createWriter(options.stdout)
  const results = new RunResults(options.place)
  let version = ''
  return {
    on(event) {
      people.on(event)
      if (event.type === 'version') version = event.fmc
      results.add(event)
    },
    async end() {
      await people.end()
      const tool = { name: 'fmc', version, rules: RUN_RULES, cwd: options.cwd ?? '/' }
      log.write(`${safeJson(sarifLog(results.all, tool), 2)}\n`)
      await log.end()
    },
  }
}

/** Collects what a run has found. */
export class RunResults {
  readonly all: SarifResult[] = []
  readonly #failures: LocatedFailure[] = []
  readonly #place: (host?: string) => FilePlace | undefined
  #dryRun = false

  constructor(place: (host?: string) => FilePlace | undefined = () => undefined) {
    this.#place = place
  }

  add(event: Event): void {
    if (event.type === 'start') this.#dryRun = event.dryRun
    const failed = failureOf(event)
    const before = this.#failures.length
    addFailure(this.#failures, failed)
    if (failed && this.#failures.length > before) this.#failed(failed)
    else if (event.type === 'task') this.#task(event)
    else if (event.type === 'page') for (const finding of event.findings) this.#finding(finding)
  }

  #failed({ host, delegatedBy, role, task, failure: { message, hint } }: LocatedFailure): void {
    const where = role === undefined ? '' : `${role} › ${task ?? ''}: `
    const text = [where + message, ...(hint === undefined ? [] : [hint])].join('\n')
    const rule = role === undefined ? 'host-lost' : 'task-failed'
    this.#push(rule, 'error', text, delegatedBy ?? host, [role, task])
  }

  #task(event: TaskEvent): void {
    const { role, task, host, delegatedBy, status } = event
    const differs = event.drift ?? (this.#dryRun && status === 'changed')
    if (!differs && !event.unpredicted) return
    const text = `${role} › ${task}: ${changeWords(event) || 'differs'}`
    const rule = differs ? 'drift' : 'unpredicted'
    this.#push(rule, 'warning', text, delegatedBy ?? host, [role, task])
  }

  #finding({ level, text, details = [], hint }: Finding): void {
    const words = [text, ...details, ...(hint === undefined ? [] : [hint])].join('\n')
    const severity = { broken: 'error', degraded: 'warning', notice: 'note', fine: 'none' } as const
    this.#push(level, severity[level], words, undefined, [text])
  }

  #push(
    rule: RunRule,
    level: SarifResult['level'],
    text: string,
    host: string | undefined,
    same: readonly (string | undefined)[],
  ): void {
    const fingerprint = createHash('sha256')
      .update(JSON.stringify([rule, host, ...same]))
      .digest('hex')
      .slice(0, 32)
    this.all.push({ rule, level, text, host, place: this.#place(host), fingerprint })
  }
}

import type { Event, TaskEvent } from '../engine/events.ts'
import { addFailure, failureOf, failurePlace, hostName, type LocatedFailure } from './blocks.ts'
import { createPlain } from './plain.ts'
import { shownFile } from './sarif-log.ts'
import type { Report, ReportOptions } from './types.ts'
import { annotation, inert, type AnnotationLevel } from './workflow-command.ts'
import { createWriter } from './writer.ts'

/**
 * The plain report for the log of a GitHub workflow, and an annotation for each failure, warning and difference that a run leaves alone, and for
 * each finding of a check. Nothing that a host prints is a command for the runner.
 */
export const createGithub = async (options: ReportOptions): Promise<Report> => {
  const plain = await createPlain({ ...options, shown: inert })
  const out = createWriter(options.stdout)
  const failures: LocatedFailure[] = []

  const say = (level: AnnotationLevel, where: string, text: string, host?: string): void => {
    const place = options.place?.(host)
    out.write(
      `${annotation(
        level,
        {
          title: `fmc: ${where}`,
          ...(place && { file: shownFile(place.file, options.cwd ?? '/') }),
          ...(place && place.line > 0 && { line: place.line, col: place.column }),
        },
        text,
      )}\n`,
    )
  }
  const failure = (event: Event): void => {
    const failed = failureOf(event)
    const before = failures.length
    addFailure(failures, failed)
    if (!failed || failures.length === before) return
    const { message, hint } = failed.failure
    say('error', failurePlace(failed), withHint(message, hint), failed.delegatedBy ?? failed.host)
  }
  const left = (event: TaskEvent): void => {
    if (event.drift)
      say('warning', taskPlace(event), event.note ?? 'differs', event.delegatedBy ?? event.host)
    if (event.unpredicted)
      say('warning', taskPlace(event), 'unpredicted', event.delegatedBy ?? event.host)
  }
  return {
    on(event) {
      plain.on(event)
      failure(event)
      if (event.type === 'task') left(event)
      else if (event.type === 'note' && event.level === 'warning')
        say('warning', event.host ?? 'warning', event.text, event.host)
      else if (event.type === 'page')
        for (const { level, text, details = [], hint } of event.findings)
          if (level !== 'fine')
            say(LEVELS[level], event.title, withHint([text, ...details].join('\n'), hint))
    },
    async end() {
      await plain.end()
      await out.end()
    },
  }
}

const LEVELS = { broken: 'error', degraded: 'error', notice: 'notice' } as const

const withHint = (text: string, hint: string | undefined): string =>
  hint === undefined ? text : `${text}\n${hint}`

const taskPlace = (event: TaskEvent): string => `${hostName(event)} › ${event.role} › ${event.task}`
